/*-------------------------------------------------------------------------
 *
 * replaying.c
 *	  What the record that is being replayed can be in conflict with.
 *
 * Replay that waits in a record does not write the note until that record is
 * done, so a reader needs no lock: it takes the note if it is that of the
 * record which core says is being replayed, before and after copying it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/gistxlog.h"
#include "access/hash_xlog.h"
#include "access/nbtxlog.h"
#include "access/rmgr.h"
#include "access/spgxlog.h"
#include "access/transam.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "access/xlogutils.h"
#include "catalog/pg_control.h"
#include "commands/dbcommands_xlog.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/observe/replaying.h"

/* What core logs when replay stops at the recovery target. */
#define PAUSED_AT_TARGET_MESSAGE	"pausing at the end of recovery"

typedef union ReplayingShared
{
	struct
	{
		pg_atomic_uint64 end;	/* of the record; 0 while the note changes */
		RwReplaying note;
		pg_atomic_uint32 paused_at_target;
	};
	char		pad[PG_CACHE_LINE_SIZE];
} ReplayingShared;

static ReplayingShared *shared = NULL;

/* ShmemInitStruct aligns the struct to a cache line. */
StaticAssertDecl(sizeof(ReplayingShared) == PG_CACHE_LINE_SIZE,
				 "replay writes a cache line that nothing else is in");

Size
rw_replaying_size(void)
{
	return MAXALIGN(sizeof(ReplayingShared));
}

void
rw_replaying_attach(void)
{
	bool		found;

	shared = ShmemInitStruct("replwatch replaying", sizeof(ReplayingShared),
							 &found);
	if (found)
		return;
	memset(shared, 0, sizeof(ReplayingShared));
	pg_atomic_init_u64(&shared->end, InvalidXLogRecPtr);
	pg_atomic_init_u32(&shared->paused_at_target, 0);
}

/*
 * Note a record that is about rows, in the database of its first block.
 */
static inline void
set_rows(RwReplaying *note, XLogReaderState *record, TransactionId horizon)
{
	note->kind = RW_REPLAYING_ROWS;
	note->database = RW_BLOCK_DATABASE(XLogRecGetBlock(record, 0));
	note->horizon = horizon;
}

/* The same of a page that is used again, which is no block of the record. */
static inline void
set_reused(RwReplaying *note, Oid database, FullTransactionId horizon)
{
	note->kind = RW_REPLAYING_ROWS;
	note->database = database;
	note->horizon = XidFromFullTransactionId(horizon);
}

static bool
describe_btree(RwReplaying *note, XLogReaderState *record, uint8 info)
{
	const void *data = XLogRecGetData(record);

	if (info == XLOG_BTREE_DELETE)
		set_rows(note, record,
				 RW_INDEX_HORIZON((const xl_btree_delete *) data));
	else if (info == XLOG_BTREE_REUSE_PAGE)
		set_reused(note,
				   RW_REUSE_DATABASE((const xl_btree_reuse_page *) data),
				   RW_REUSE_HORIZON((const xl_btree_reuse_page *) data));
	else
		return false;
	return true;
}

static bool
describe_gist(RwReplaying *note, XLogReaderState *record, uint8 info)
{
	const void *data = XLogRecGetData(record);

	if (info == XLOG_GIST_DELETE)
		set_rows(note, record,
				 RW_INDEX_HORIZON((const gistxlogDelete *) data));
	else if (info == XLOG_GIST_PAGE_REUSE)
		set_reused(note,
				   RW_REUSE_DATABASE((const gistxlogPageReuse *) data),
				   RW_REUSE_HORIZON((const gistxlogPageReuse *) data));
	else
		return false;
	return true;
}

static bool
describe_settings(RwReplaying *note, XLogReaderState *record)
{
	xl_parameter_change change;

	/* Not aligned. */
	memcpy(&change, XLogRecGetData(record), sizeof(change));
	note->kind = RW_REPLAYING_SETTINGS;
	note->settings[0] = change.MaxConnections;
	note->settings[1] = change.max_worker_processes;
	note->settings[2] = change.max_wal_senders;
	note->settings[3] = change.max_prepared_xacts;
	note->settings[4] = change.max_locks_per_xact;
	return true;
}

/* Describe a record, if it can be in conflict with anything. */
static bool
describe(RwReplaying *note, XLogReaderState *record)
{
	uint8		info = XLogRecGetInfo(record) & ~XLR_INFO_MASK;
	const void *data = XLogRecGetData(record);
	TransactionId horizon;

	switch (XLogRecGetRmid(record))
	{
		case RM_HEAP2_ID:
			horizon = rw_heap2_horizon(info & XLOG_HEAP_OPMASK, data);
			if (!TransactionIdIsValid(horizon))
				return false;
			set_rows(note, record, horizon);
			return true;
		case RM_BTREE_ID:
			return describe_btree(note, record, info);
		case RM_GIST_ID:
			return describe_gist(note, record, info);
		case RM_HASH_ID:
			if (info != XLOG_HASH_VACUUM_ONE_PAGE)
				return false;
			set_rows(note, record,
					 RW_INDEX_HORIZON((const xl_hash_vacuum_one_page *) data));
			return true;
		case RM_SPGIST_ID:
			if (info != XLOG_SPGIST_VACUUM_REDIRECT)
				return false;
			set_rows(note, record,
					 RW_REDIRECT_HORIZON((const spgxlogVacuumRedirect *) data));
			return true;
		case RM_DBASE_ID:
			if (info != XLOG_DBASE_DROP)
				return false;
			note->kind = RW_REPLAYING_DROP_DATABASE;
			note->database = ((const xl_dbase_drop_rec *) data)->db_id;
			return true;
		case RM_TBLSPC_ID:
			if (info != XLOG_TBLSPC_DROP)
				return false;
			note->kind = RW_REPLAYING_DROP_TABLESPACE;
			note->begun = GetCurrentTimestamp();
			return true;
		case RM_XLOG_ID:
			return info == XLOG_PARAMETER_CHANGE &&
				describe_settings(note, record);
		default:
			return false;
	}
}

bool
rw_can_conflict(RmgrId rmid)
{
	switch (rmid)
	{
		case RM_HEAP2_ID:
		case RM_BTREE_ID:
		case RM_GIST_ID:
		case RM_HASH_ID:
		case RM_SPGIST_ID:
		case RM_DBASE_ID:
		case RM_TBLSPC_ID:
		case RM_XLOG_ID:
			return true;
		default:
			return false;
	}
}

void
rw_replaying_note(XLogReaderState *record)
{
	RwReplaying note = {0};

	if (!InHotStandby || !describe(&note, record))
		return;

	/* Pairs with rw_replaying_read. */
	pg_atomic_write_u64(&shared->end, InvalidXLogRecPtr);
	pg_write_barrier();
	shared->note = note;
	pg_write_barrier();
	pg_atomic_write_u64(&shared->end, record->EndRecPtr);
}

bool
rw_is_replaying(void)
{
	/* In this order, what is replayed by then is not taken for begun. */
	XLogRecPtr	begun = GetCurrentReplayRecPtr(NULL);

	return begun > GetXLogReplayRecPtr(NULL);
}

bool
rw_replaying_read(RwReplaying *replaying)
{
	XLogRecPtr	end;

	if (shared == NULL)
		return false;
	end = pg_atomic_read_u64(&shared->end);
	/* Pairs with rw_replaying_note. */
	pg_read_barrier();
	*replaying = shared->note;
	pg_read_barrier();
	return end != InvalidXLogRecPtr &&
		end == pg_atomic_read_u64(&shared->end) &&
		end == GetCurrentReplayRecPtr(NULL) &&
		end > GetXLogReplayRecPtr(NULL);
}

void
rw_replaying_message(const ErrorData *edata)
{
	if (edata->elevel == LOG && edata->message_id != NULL &&
		AmStartupProcess() && shared != NULL &&
		strcmp(edata->message_id, PAUSED_AT_TARGET_MESSAGE) == 0)
		pg_atomic_write_u32(&shared->paused_at_target, 1);
}

bool
rw_target_was_reached(void)
{
	return shared != NULL &&
		pg_atomic_read_u32(&shared->paused_at_target) != 0;
}
