/*-------------------------------------------------------------------------
 *
 * store.h
 *	  Files that a server can be restarted with.
 *
 * A file is written whole under another name and renamed, and carries a
 * format number, the cluster's system identifier and a checksum.  What can't
 * be trusted when it is read (damaged, cut short, empty, of another format
 * or another cluster) is set aside under the name with ".bad" appended, with a
 * WARNING, and counts as missing: nothing in a file can keep the server from
 * starting.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STORE_H
#define RW_STORE_H

#include "src/base/clock.h"

/*
 * The LSN history lies where base backups and pg_rewind copy it, the rest
 * where they leave it out.
 */
#define RW_HISTORY_FILE		"pg_stat/replwatch.history"
#define RW_STATE_FILE		"pg_stat_tmp/replwatch.state"

/* Which of the files; part of what is checked. */
typedef enum RwStoreKind
{
	RW_STORE_HISTORY = 1,
	RW_STORE_STATE = 2
} RwStoreKind;

typedef enum RwStoreRole
{
	RW_ROLE_PRIMARY = 1,
	RW_ROLE_STANDBY = 2
} RwStoreRole;

/* What a file says of itself, for its reader to judge. */
typedef struct RwStoreLabel
{
	uint32		timeline;
	uint32		role;			/* RwStoreRole */
	int64		wall;			/* wall clock when saved, TimestampTz */
	RwTime		clock;			/* the same moment on the axis */
} RwStoreLabel;

/*
 * Write a file.  With `durable` it is on disk when this returns.  On failure
 * the old file stays, there is a LOG entry, and the result is false.
 */
extern bool rw_store_save(const char *path, RwStoreKind kind,
						  const RwStoreLabel *label,
						  const void *payload, uint32 length, bool durable);

/*
 * Read a file: the payload in palloc'd memory and its length, or NULL if
 * there is none that can be used.
 */
extern void *rw_store_load(const char *path, RwStoreKind kind,
						   RwStoreLabel *label, uint32 *length);

/*
 * Set a file aside whose contents turned out to make no sense; `why` goes to
 * the log ("its points are out of order").
 */
extern void rw_store_set_aside(const char *path, const char *why);

#endif							/* RW_STORE_H */
