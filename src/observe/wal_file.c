/*-------------------------------------------------------------------------
 *
 * wal_file.c
 *	  What this standby has in its WAL files and has not replayed.
 *
 * Core's reader of WAL would wait for the rest of a record, and check all of
 * it.  Here a few bytes are read, of WAL that has been flushed.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "storage/fd.h"
#include "utils/wait_event.h"

#include "src/observe/next_record.h"
#include "src/observe/wal_file.h"

/* The segment that is open. */
typedef struct OpenSegment
{
	TimeLineID	tli;
	XLogSegNo	number;
	int			fd;				/* -1: none */
} OpenSegment;

static void
close_segment(OpenSegment *open)
{
	if (open->fd >= 0)
		CloseTransientFile(open->fd);
	open->fd = -1;
}

/* Read bytes of one page, as RwWal has it; *context is an OpenSegment. */
static bool
read_wal(void *context, uint64 lsn, void *buffer, size_t len)
{
	OpenSegment *open = context;
	XLogSegNo	number;
	ssize_t		got;

	XLByteToSeg(lsn, number, wal_segment_size);
	if (open->fd < 0 || number != open->number)
	{
		char		path[MAXPGPATH];

		close_segment(open);
		XLogFilePath(path, open->tli, number, wal_segment_size);
		open->fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
		if (open->fd < 0)
			return false;
		open->number = number;
	}

	pgstat_report_wait_start(WAIT_EVENT_WAL_READ);
	got = pread(open->fd, buffer, len,
				XLogSegmentOffset(lsn, wal_segment_size));
	pgstat_report_wait_end();
	return got == (ssize_t) len;
}

void
rw_observe_next_record(RwFacts *facts)
{
	RwRecoveryFacts *recovery = &facts->recovery;
	OpenSegment open = {.tli = facts->tli, .fd = -1};
	RwWal		wal = {
		.segment_size = wal_segment_size,
		.read = read_wal,
		.context = &open,
	};

	/* The horizon has to be that of the receiver, on the replayed timeline. */
	if (facts->tli != recovery->replay_tli ||
		facts->tli != facts->receiver.tli ||
		facts->horizon != facts->receiver.flushed)
		return;
	recovery->partial = rw_next_record_is_partial(&wal, recovery->replay,
												  facts->horizon);
	close_segment(&open);
}
