/*-------------------------------------------------------------------------
 *
 * link.h
 *	  The states, reasons, bounds and health of a replication link.
 *
 * Enums, and the words that SQL, JSON and metrics show for them.  A pure file.
 * States, reasons and health are told over the line (line/frame.h): a value keeps
 * its meaning, and new ones go to the end.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LINK_H
#define RW_LINK_H

/*
 * The order is stored in files: a chart keeps these values, in four bits.
 */
typedef enum RwLinkState
{
	RW_STATE_STARTUP,			/* downstream: core's five states */
	RW_STATE_CATCHUP,
	RW_STATE_STREAMING,			/* and upstream */
	RW_STATE_BACKUP,
	RW_STATE_STOPPING,
	RW_STATE_INACTIVE,			/* downstream: a slot that is not in use */
	RW_STATE_MISSING,			/* downstream: known, gone, without a slot */
	RW_STATE_LOST,				/* downstream: its slot was invalidated */
	RW_STATE_CONNECTING,		/* upstream: the receiver starts */
	RW_STATE_WAITING,			/* upstream: the receiver has no position to
								 * stream from */
	RW_STATE_ARCHIVE,			/* upstream: no receiver, restore_command */
	RW_STATE_DISCONNECTED		/* upstream: no receiver */
} RwLinkState;

#define RW_REASON_LEN		256

/* Why a link is behind; link.c has the codes that users see. */
typedef enum RwReason
{
	RW_REASON_NONE,				/* not behind */
	RW_REASON_NOT_PRELOADED,
	RW_REASON_SILENT,			/* downstream, up to NOTHING_FOR_IT */
	RW_REASON_SENDER_BEHIND,
	RW_REASON_WAITS_FOR_STANDBY,
	RW_REASON_FLUSH_BEHIND,
	RW_REASON_REPLAY_STUCK,
	RW_REASON_GONE,
	RW_REASON_SLOT_LOST,
	RW_REASON_SHARED_NAME,
	RW_REASON_HELD_BY_TRANSACTION,
	RW_REASON_NOTHING_FOR_IT,
	RW_REASON_REFUSED,			/* downstream and upstream, up to
								 * REPLAY_BEHIND */
	RW_REASON_DIVERGED,
	RW_REASON_AHEAD,
	RW_REASON_TIMELINE_LEFT,
	RW_REASON_REPLAY_BEHIND,
	RW_REASON_PAUSED,			/* upstream, from here on */
	RW_REASON_PAUSED_AT_TARGET,
	RW_REASON_PAUSED_FOR_SETTING,
	RW_REASON_APPLY_DELAY,
	RW_REASON_CONFLICT,
	RW_REASON_BROKEN_WAL,
	RW_REASON_RECEIVER_DOWN,
	RW_REASON_UPSTREAM_SILENT,
	RW_REASON_FROM_ARCHIVE,
	RW_REASON_RESTORE_COMMAND
} RwReason;

/* How a time lag that is shown compares to the real one. */
typedef enum RwBound
{
	RW_BOUND_EXACT,
	RW_BOUND_AT_LEAST,			/* the real one may be greater: what is missing
								 * is older than the history */
	RW_BOUND_AT_MOST			/* the real one may be less: the replica's
								 * position is not known, or is old */
} RwBound;

/* From best to worst. */
typedef enum RwHealth
{
	RW_HEALTH_OK,
	RW_HEALTH_UNKNOWN,			/* not judged lately */
	RW_HEALTH_WARNING,
	RW_HEALTH_CRITICAL
} RwHealth;

extern const char *rw_link_state_name(RwLinkState state);
extern const char *rw_reason_name(RwReason reason); /* NULL for none */
extern const char *rw_bound_name(RwBound bound);
extern const char *rw_health_name(RwHealth health);

#endif							/* RW_LINK_H */
