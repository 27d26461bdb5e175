/*-------------------------------------------------------------------------
 *
 * store.h
 *	  Files that survive a restart of the server.
 *
 * A file has a format number, the cluster's system identifier and a checksum.
 * A file that cannot be trusted (damaged, cut short, empty, a symbolic link,
 * of another format or another cluster) is renamed by appending ".bad", with
 * a WARNING, and counts as missing: no contents of a file can keep the server
 * from starting.
 *
 * Files are written by rw_replace_file() (replace_file.h), after which the old
 * file stays until the new one is on disk.  So a crash or power loss leaves a
 * whole file, and no older one has to be kept beside it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STORE_H
#define RW_STORE_H

#include "src/base/clock.h"
#include "src/history/replace_file.h"

/*
 * The LSN history is kept where base backups and pg_rewind copy it, because
 * it stays true there; the rest where they leave it out.
 */
#define RW_HISTORY_FILE		"pg_stat/replwatch.history"
#define RW_STATE_FILE		"pg_stat_tmp/replwatch.state"

/* Which of the files it is; checked when it is read. */
typedef enum RwStoreKind
{
	RW_STORE_HISTORY = 1,
	RW_STORE_STATE = 2
} RwStoreKind;

typedef enum RwStoreRole
{
	RW_STORE_PRIMARY = 1,
	RW_STORE_STANDBY = 2
} RwStoreRole;

/* What a file says about itself, for its reader to judge. */
typedef struct RwStoreLabel
{
	uint32		timeline;
	uint32		role;			/* RwStoreRole */
	int64		wall;			/* wall clock when saved, TimestampTz */
	RwTime		clock;			/* the same moment on the axis */
} RwStoreLabel;

/*
 * Begin the contents of a file with a payload of at most `room` bytes.
 * Returns where the payload goes, zeroed, in palloc'd memory of the file's.
 */
extern void *rw_store_begin(RwNewFile *file, const char *path, uint32 room);

/* Complete it, once the payload is in place and its length is known. */
extern void rw_store_finish(RwNewFile *file, RwStoreKind kind,
							const RwStoreLabel *label, uint32 length);

/* Log, at level LOG, at which step replacing the file failed, and why. */
extern void rw_store_log_failure(const char *path,
								 const RwReplaceProgress *progress);

/*
 * Read a file.  Returns the palloc'd payload, and sets its length and label;
 * NULL if there is no file that can be used, which was set aside then.
 */
extern void *rw_store_load(const char *path, RwStoreKind kind,
						   RwStoreLabel *label, uint32 *length);

/*
 * Set aside a file whose contents make no sense, with a WARNING that gives
 * `why`, such as "its points are out of order".
 */
extern void rw_store_set_aside(const char *path, const char *why);

#endif							/* RW_STORE_H */
