/*-------------------------------------------------------------------------
 *
 * wal_file.h
 *	  What this standby has in its WAL files and has not replayed.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAL_FILE_H
#define RW_WAL_FILE_H

#include "src/observe/observe.h"

/*
 * Fill facts->recovery.partial, which rw_observe() leaves false.  This opens
 * one or two segments in pg_wal and reads a few bytes of each page of the
 * record that replay needs next.  Only for a server in recovery that has not
 * replayed up to the horizon; raises no error if files can't be read.
 */
extern void rw_observe_next_record(RwFacts *facts);

#endif							/* RW_WAL_FILE_H */
