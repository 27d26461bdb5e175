/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Are the server's arrays laid out as replwatch was built for?
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/base/layout.h"

typedef struct ServerArray
{
	const char *element;		/* the struct */
	const char *name;			/* that of the array in shared memory */
	const void *address;
	Size		expected;		/* size by the headers of the build */
	Size		actual;			/* size in this server; 0: it does not say */
} ServerArray;

/* The first array that is not as expected; no element if there is none. */
static ServerArray mismatch;

static ServerArray
procs_array(void)
{
	ServerArray array = {.element = "PGPROC"};

	/* Those of prepared transactions follow all others. */
	array.expected = (MaxBackends + NUM_AUXILIARY_PROCS) * sizeof(PGPROC);
	array.actual = (char *) PreparedXactProcs - (char *) ProcGlobal->allProcs;
	return array;
}

static ServerArray
walsenders_array(void)
{
	ServerArray array = {
		.element = "WalSnd", .name = "Wal Sender Ctl", .address = WalSndCtl
	};

	array.expected = offsetof(WalSndCtlData, walsnds) +
		max_wal_senders * sizeof(WalSnd);
	array.actual = RW_WALSENDERS_SIZE;
	return array;
}

static ServerArray
slots_array(void)
{
	ServerArray array = {
		.element = "ReplicationSlot", .name = "ReplicationSlot Ctl",
		.address = ReplicationSlotCtl
	};

	/* Without slots there is no array. */
	if (RW_MAX_SLOTS > 0)
		array.expected = offsetof(ReplicationSlotCtlData, replication_slots) +
			RW_MAX_SLOTS * sizeof(ReplicationSlot);
	array.actual = RW_SLOTS_SIZE;
	return array;
}

/*
 * Does the server have an array of that name and size at that address?  It
 * says so only by an error, which leaves its lock on the names taken.
 */
static bool
can_attach(const ServerArray *array)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool same = false;

	PG_TRY();
	{
		bool		found;

		same = ShmemInitStruct(array->name, array->expected, &found) ==
			array->address;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		LWLockReleaseAll();
	}
	PG_END_TRY();
	return same;
}

static bool
is_as_expected(const ServerArray *array)
{
	if (array->actual != 0 || array->expected == 0)
		return array->actual == array->expected;

	/* In single-user mode nothing can be attached to: go by the version. */
	if (!IsUnderPostmaster)
		return atoi(GetConfigOption("server_version_num", false, false)) ==
			PG_VERSION_NUM;
	return can_attach(array);
}

static void
find_mismatch(void)
{
	const ServerArray arrays[] = {
		procs_array(), walsenders_array(), slots_array()
	};
	int			i;

	for (i = 0; i < lengthof(arrays); i++)
	{
		if (is_as_expected(&arrays[i]))
			continue;
		mismatch = arrays[i];
		return;
	}
}

bool
rw_layout_is_trusted(void)
{
	static bool checked = false;

	if (!checked)
		find_mismatch();
	checked = true;
	return mismatch.element == NULL;
}

bool
rw_procs_are_trusted(void)
{
	const ServerArray array = procs_array();

	return is_as_expected(&array);
}

static int
detail_of_mismatch(void)
{
	if (mismatch.actual == 0)
		return errdetail("The server's array of \"%s\" does not have the size of %zu bytes that replwatch was built for.",
						 mismatch.element, mismatch.expected);
	return errdetail("The server's array of \"%s\" has a size of %zu bytes, but replwatch was built for one of %zu bytes.",
					 mismatch.element, mismatch.actual, mismatch.expected);
}

static int
hint_to_rebuild(void)
{
	return errhint("Rebuild replwatch for PostgreSQL %s, and restart the server.",
				   GetConfigOption("server_version", false, false));
}

void
rw_layout_require(void)
{
	if (!rw_layout_is_trusted())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("replwatch was built for another release of this server"),
				 detail_of_mismatch(), hint_to_rebuild()));
}

void
rw_layout_warn(void)
{
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("replwatch was built for another release of this server: replication is not watched"),
			 detail_of_mismatch(), hint_to_rebuild()));
}
