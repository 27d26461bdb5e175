/*-------------------------------------------------------------------------
 *
 * archive_status.h
 *	  A look at what waits to be archived.
 *
 * It reads the names in pg_wal/archive_status, which can be many, and the
 * times of one or two of them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ARCHIVE_STATUS_H
#define RW_ARCHIVE_STATUS_H

#include "src/observe/archive_queue.h"

/*
 * Bring *archive up to date if a look is due.  The caller keeps it from call
 * to call, and begins with all zero.  If archive_status can't be read that is
 * logged, once until it can be read again.
 */
extern void rw_observe_archive(RwArchiveFacts *archive, bool in_recovery);

#endif							/* RW_ARCHIVE_STATUS_H */
