/*-------------------------------------------------------------------------
 *
 * wal_disk.h
 *	  When held WAL will fill its volume.
 *
 * A pure file.  pg_wal takes up to max_wal_size, and wal_keep_size more, on
 * any server that is busy for some time, and stays at that.  It grows beyond
 * only if WAL is held: by replication slots, by an archiver or, on a standby,
 * by replay that does not keep up, or because no checkpoint completes.  So the
 * forecast is about the WAL that is held, and there is none before that is more
 * than the settings allow.
 *
 * The rate is that of a stretch of the past at least half as long as the time
 * that it says is left, the shortest one of these: a forecast for hours does
 * not rest on the last minute, which may be a burst, and a volume that fills
 * fast is noticed soon.  If there is none, the longest stretch is used.  Of WAL
 * that was written before any was held, the same part counts as is held now.
 * That part is measured from the first look at which more was held than at the
 * beginning: between these two a slot may have come at any time, and with WAL
 * from before it.
 *
 * None of this is done where only checkpoints are late: what they keep goes up
 * and down with each, and only growth that has been seen for long shows that
 * they do not complete.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAL_DISK_H
#define RW_WAL_DISK_H

#include "src/observe/wal_volume.h"

/*
 * What was written and held in the past: in each level, the last points that
 * are at least a step apart, which is twice that of the level before it.
 */
#define RW_WAL_DISK_STEP	(5 * RW_SECOND)
#define RW_WAL_DISK_LEVELS	12
#define RW_WAL_DISK_POINTS	16

/* There is no forecast before this much time has been observed. */
#define RW_WAL_DISK_MIN_TIME	(20 * RW_SECOND)

typedef struct RwHeldPoint
{
	RwTime		at;
	XLogRecPtr	lsn;			/* the horizon */
	int64		held;
} RwHeldPoint;

typedef struct RwHeldLevel
{
	int32		npoints;
	int32		newest;			/* its place; they are a ring */
	RwHeldPoint points[RW_WAL_DISK_POINTS];
} RwHeldLevel;

/* What is held by whom, in bytes; -1 if nobody of the kind does. */
typedef struct RwWalHolders
{
	const RwSlotFacts *slot;	/* the one that holds most, or NULL */
	int64		by_slot;
	int64		by_archiver;
	int64		by_replay;		/* a standby's own */
	int64		by_others;		/* on a primary: what the settings, too, do not
								 * explain */
	int64		held;			/* the most of these, and not below 0 */
} RwWalHolders;

/* Begins as all zero. */
typedef struct RwWalDisk
{
	RwWalVolume volume;			/* as last seen */
	RwHeldPoint now;			/* at that time */
	RwHeldPoint begin;			/* since when more and more is held */
	RwHeldPoint first;			/* the next one; RW_NEVER if there is none */
	bool		by_others;		/* now mainly by what RwWalHolders calls so */
	RwHeldLevel levels[RW_WAL_DISK_LEVELS];
} RwWalDisk;

typedef enum RwForecast
{
	RW_FORECAST_UNKNOWN,		/* not observed for long enough */
	RW_FORECAST_NEVER,			/* not held, or it does not grow */
	RW_FORECAST_FULL
} RwForecast;

/* Who holds WAL now, as far as the last look at the volume tells. */
extern void rw_wal_holders(const RwFacts *facts, const RwWalVolume *volume,
						   RwWalHolders *holders);

/* How much WAL pg_wal may have without being held. */
extern int64 rw_wal_allowed(const RwWalVolume *volume);

/* After a look at the volume, which is in disk->volume: note what is held. */
extern void rw_wal_disk_add(RwWalDisk *disk, const RwFacts *facts);

/*
 * When the volume will be full, if held WAL goes on to grow as it does.  In
 * *left the time until then, or -1.
 */
extern RwForecast rw_wal_disk_forecast(const RwWalDisk *disk, RwTime now,
									   int64 *left);

#endif							/* RW_WAL_DISK_H */
