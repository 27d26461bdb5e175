/*-------------------------------------------------------------------------
 *
 * status.c
 *	  SQL functions about the present: replwatch_status, replwatch_node.
 *
 * They look at the server anew at each call, so that they agree with core's
 * views, and format what the lag room made of it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"

#include "src/base/compat.h"
#include "src/base/process.h"
#include "src/lag/lag.h"
#include "src/settings.h"
#include "src/show/words.h"
#include "src/sql/write_row.h"
#include "src/wait/waiters.h"

PG_FUNCTION_INFO_V1(replwatch_status);
PG_FUNCTION_INFO_V1(replwatch_node);

static void
add_peer(RwRow *row, const RwPeer *peer)
{
	rw_row_datum(row, ObjectIdGetDatum(peer->role));
	rw_row_name(row, GetUserNameFromId(peer->role, true));
	rw_row_datum(row, CStringGetTextDatum(peer->application_name));
	if (peer->address[0] != '\0')
		rw_row_datum(row, DirectFunctionCall1(inet_in,
											  CStringGetDatum(peer->address)));
	else
		rw_row_null(row);
	rw_row_text(row, peer->hostname);
	if (peer->port != 0)
		rw_row_int(row, peer->port);
	else
		rw_row_null(row);
	rw_row_time(row, peer->backend_start);
	if (TransactionIdIsValid(peer->backend_xmin))
		rw_row_datum(row, TransactionIdGetDatum(peer->backend_xmin));
	else
		rw_row_null(row);
}

/* sent_lsn to backend_xmin, as in pg_stat_replication */
static void
add_connection(RwRow *row, const RwLink *link, const RwFacts *facts)
{
	const RwSenderFacts *sender = link->sender;
	int			i;

	rw_row_lsn(row, link->sent);
	rw_row_lsn(row, link->write);
	rw_row_lsn(row, link->flush);
	rw_row_lsn(row, link->replay);

	if (sender)
	{
		rw_row_duration(row, sender->write_lag);
		rw_row_duration(row, sender->flush_lag);
		rw_row_duration(row, sender->replay_lag);
		rw_row_int(row, sender->sync_priority);
		rw_row_text(row, sender->sync_state);
		rw_row_time(row, sender->reply_time);
		rw_row_int(row, sender->pid);
		if (sender->peer.backend_start != 0)
			add_peer(row, &sender->peer);
		else
		{
			for (i = 0; i < 8; i++)
				rw_row_null(row);
		}
	}
	else
	{
		for (i = 0; i < 6; i++)
			rw_row_null(row);	/* write_lag to reply_time */
		if (link->upstream && facts->receiver.pid != 0)
			rw_row_int(row, facts->receiver.pid);
		else
			rw_row_null(row);
		for (i = 0; i < 4; i++)
			rw_row_null(row);	/* usesysid to client_addr */
		if (link->upstream)
		{
			rw_row_text(row, facts->receiver.host);
			if (facts->receiver.port != 0)
				rw_row_int(row, facts->receiver.port);
			else
				rw_row_null(row);
		}
		else
		{
			rw_row_null(row);
			rw_row_null(row);
		}
		rw_row_null(row);		/* backend_start */
		rw_row_null(row);		/* backend_xmin */
	}
}

/* slot_name to invalidation_reason, as in pg_replication_slots and beyond */
static void
add_slot_columns(RwRow *row, const RwLink *link)
{
	const RwSlotFacts *slot = link->slot;
	int			i;

	if (slot == NULL)
	{
		for (i = 0; i < 12; i++)
			rw_row_null(row);
		return;
	}

	rw_row_name(row, slot->name);
	if (slot->database != InvalidOid)
		rw_row_name(row, get_database_name(slot->database));
	else
		rw_row_null(row);
	if (RW_SERVER_SYNCS_SLOTS)
		rw_row_bool(row, slot->synced);
	else
		rw_row_null(row);
	rw_row_lsn(row, slot->restart_lsn);
	rw_row_lsn(row, slot->confirmed_flush);
	rw_row_text(row, rw_wal_status_name(slot));
	if (slot->limited)
		rw_row_datum(row, Int64GetDatum(slot->safe_wal_size));
	else
		rw_row_null(row);
	rw_row_count(row, link->retained_bytes);
	rw_row_duration(row, link->slot_time_left);
	if (slot->xmin_age >= 0)
		rw_row_int(row, slot->xmin_age);
	else
		rw_row_null(row);
	rw_row_time(row, link->inactive_since);
	rw_row_text(row, slot->invalidation);
}

/*
 * A row a replication link: see the COMMENT on the function.  Callers without
 * the privileges of pg_read_all_stats see of a process what core shows them,
 * its pid, and nothing of replicas that are gone; slots are for everybody, as
 * in core.
 */
Datum
replwatch_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		privileged = has_privs_of_role(GetUserId(),
											   ROLE_PG_READ_ALL_STATS);
	RwFacts		facts;
	RwLinks		links;
	RwRow		row;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	rw_row_check(rsinfo->setDesc);

	rw_observe(&facts, false);
	rw_links(&facts, &links, true);

	for (i = 0; i < links.nlinks; i++)
	{
		const RwLink *link = &links.links[i];

		rw_row_begin(&row);
		if (!privileged && (link->sender || link->upstream))
		{
			int			pid = link->upstream ? facts.receiver.pid :
				link->sender->pid;

			while (row.ncolumns < 22)
				rw_row_null(&row);
			if (pid != 0)
				rw_row_int(&row, pid);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
								 row.values, row.nulls);
			continue;
		}
		if (!privileged && link->slot == NULL)
			continue;

		rw_row_text(&row, link->name);
		rw_row_text(&row, link->upstream ? "upstream" : "downstream");
		rw_row_text(&row, link->logical ? "logical" : "physical");
		rw_row_text(&row, rw_link_state_name(link->state));
		rw_row_text(&row, rw_health_name(link->health));
		rw_row_text(&row, rw_reason_name(link->reason));
		rw_row_text(&row, link->reason_text);
		rw_row_count(&row, link->lag_bytes);
		rw_row_duration(&row, link->lag);
		rw_row_text(&row, link->lag < 0 ? NULL : rw_bound_name(link->bound));
		rw_row_duration(&row, link->catchup);
		rw_row_time(&row, rw_wall_time(&facts, link->last_seen));
		add_connection(&row, link, &facts);
		add_slot_columns(&row, link);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
							 row.values, row.nulls);
	}

	return (Datum) 0;
}

static void
add_receiver(RwRow *row, const RwFacts *facts, const RwPublished *published,
			 bool privileged)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	if (!facts->in_recovery || !privileged)
	{
		rw_row_null(row);
		rw_row_null(row);
		rw_row_null(row);
		rw_row_null(row);
		return;
	}
	rw_row_text(row, receiver->host);
	if (receiver->port != 0)
		rw_row_int(row, receiver->port);
	else
		rw_row_null(row);
	rw_row_text(row, rw_receiver_state_name(receiver));
	rw_row_time(row, published ?
				rw_wall_time(facts, rw_last_message(facts, published)) : 0);
}

static void
add_recovery(RwRow *row, RwFacts *facts)
{
	const RwRecoveryFacts *recovery = &facts->recovery;
	Datum		pids[RW_MAX_BLOCKERS];
	int			i;

	rw_row_text(row, rw_replay_state_name(facts));
	if (!facts->in_recovery)
	{
		rw_row_null(row);
		rw_row_null(row);
		return;
	}
	rw_row_duration(row, recovery->apply_delay_ms * RW_MS);

	if (facts->horizon > recovery->replay)
		rw_observe_hold(facts);
	for (i = 0; i < recovery->nblockers; i++)
		pids[i] = Int32GetDatum(recovery->blockers[i]);
	if (recovery->nblockers > 0)
		rw_row_datum(row, PointerGetDatum(construct_array(pids,
														  recovery->nblockers,
														  INT4OID,
														  sizeof(int32), true,
														  TYPALIGN_INT)));
	else
		rw_row_null(row);
}

static void
add_worker(RwRow *row, const RwFacts *facts, const RwPublished *published,
		   RwProcessState state, int pid)
{
	rw_row_text(row, rw_process_state_name(RW_PROCESS_SAMPLER, state));
	if (pid != 0)
		rw_row_int(row, pid);
	else
		rw_row_null(row);
	rw_row_time(row, published ?
				rw_wall_time(facts, published->last_sample) : 0);
	rw_row_time(row, published ?
				rw_wall_time(facts, published->history_start) : 0);
}

/* The processes that the worker starts where they are wanted. */
static void
add_started(RwRow *row)
{
	if (rw_port > 0)
		rw_row_int(row, rw_port);
	else
		rw_row_null(row);
	rw_row_text(row, rw_process_state_name(RW_PROCESS_PORT,
										   rw_process_state(RW_PROCESS_PORT,
															rw_port != 0)));
	rw_row_text(row, rw_process_state_name(RW_PROCESS_RUNNER,
										   rw_process_state(RW_PROCESS_RUNNER,
															rw_alert_command[0] != '\0')));
}

/*
 * A row about this server: see the COMMENT on the function.
 */
Datum
replwatch_node(PG_FUNCTION_ARGS)
{
	bool		privileged = has_privs_of_role(GetUserId(),
											   ROLE_PG_READ_ALL_STATS);
	TupleDesc	tupdesc;
	RwFacts		facts;
	RwSyncFacts sync;
	RwPublished *published;
	RwRow		row;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rw_row_check(tupdesc);

	rw_observe(&facts, false);
	rw_observe_sync(&sync);
	published = rw_published(&facts);
	rw_process_ensure(RW_PROCESS_SAMPLER, true);

	rw_row_begin(&row);
	rw_row_text(&row, rw_role_name(&facts));
	rw_row_datum(&row, Int64GetDatum((int64) GetSystemIdentifier()));
	rw_row_int(&row, (int32) facts.tli);
	rw_row_lsn(&row, facts.horizon);
	if (published && published->wal_rate >= 0)
		rw_row_datum(&row, Float8GetDatum(published->wal_rate));
	else
		rw_row_null(&row);
	add_receiver(&row, &facts, published, privileged);
	add_recovery(&row, &facts);
	rw_row_int(&row, sync.wanted);
	rw_row_int(&row, sync.connected);
	rw_row_int(&row, sync.waiting);
	add_worker(&row, &facts, published,
			   rw_process_state(RW_PROCESS_SAMPLER, true),
			   rw_process_pid(RW_PROCESS_SAMPLER));
	if (published)
		rw_row_int(&row, rw_waiters_number());
	else
		rw_row_null(&row);
	rw_row_text(&row, REPLWATCH_VERSION);
	add_started(&row);

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  row.values, row.nulls)));
}
