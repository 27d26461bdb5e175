/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What only the files of src/alert may see.
 *
 * Others include alert.h.  The pure files include this header, too, so it
 * needs no server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_INTERN_H
#define RW_ALERT_INTERN_H

#include "src/alert/alert_cause.h"
#include "src/alert/alert_kinds.h"
#include "src/alert/alert_text.h"
#include "src/alert/judge.h"
#include "src/base/units.h"

/* ----------------------------------------------------------------
 *		The functions in the table of alerts (alert_table.c)
 * ----------------------------------------------------------------
 */

/* judge_replica.c, words_replica.c */
extern RwJudgeFunction rw_judge_replica_missing;
extern RwJudgeFunction rw_judge_replica_silent;
extern RwJudgeFunction rw_judge_replica_stalled;
extern RwJudgeFunction rw_judge_replica_lag;
extern RwJudgeFunction rw_judge_replica_lag_bytes;
extern RwJudgeFunction rw_judge_replica_diverged;
extern RwWordsFunction rw_words_replica_missing;
extern RwWordsFunction rw_words_replica_silent;
extern RwWordsFunction rw_words_replica_stalled;
extern RwWordsFunction rw_words_replica_lag;
extern RwWordsFunction rw_words_replica_lag_bytes;
extern RwWordsFunction rw_words_replica_diverged;

/* judge_slot.c, words_slot.c */
extern RwJudgeFunction rw_judge_slot_lost;
extern RwJudgeFunction rw_judge_slot_at_risk;
extern RwJudgeFunction rw_judge_slot_inactive;
extern RwWordsFunction rw_words_slot_lost;
extern RwWordsFunction rw_words_slot_at_risk;
extern RwWordsFunction rw_words_slot_inactive;

/* judge_sync.c, words_sync.c */
extern RwJudgeFunction rw_judge_sync_short;
extern RwWordsFunction rw_words_sync_short;

/* judge_node.c, words_node.c */
extern RwJudgeFunction rw_judge_archiver_failing;
extern RwJudgeFunction rw_judge_upstream_down;
extern RwJudgeFunction rw_judge_replay_paused;
extern RwJudgeFunction rw_judge_self_lag;
extern RwJudgeFunction rw_judge_self_diverged;
extern RwWordsFunction rw_words_upstream_down;
extern RwWordsFunction rw_words_replay_paused;
extern RwWordsFunction rw_words_self_lag;
extern RwWordsFunction rw_words_self_diverged;

/* words_archiver.c */
extern RwWordsFunction rw_words_archiver_failing;

/* judge_held.c, words_held.c */
extern RwJudgeFunction rw_judge_wal_disk;
extern RwJudgeFunction rw_judge_xmin_held;
extern RwWordsFunction rw_words_wal_disk;
extern RwWordsFunction rw_words_xmin_held;

/*
 * Since when everything has been watched: what was before this server had its
 * role, before its worker started, or before a gap (base/watch.h), does not
 * count.
 */
static inline RwTime
rw_watched_since(const RwJudgeInput *input)
{
	return Max(input->memory->watching_since,
			   input->facts->watch.resumed_at);
}

/* Who holds back vacuum: a slot, with its sender if it has one, or a sender. */
typedef struct RwXminHolder
{
	const RwSlotFacts *slot;	/* NULL: a standby without a slot */
	const RwSenderFacts *sender;
	int32		age;			/* in transactions; -1: nobody does */
} RwXminHolder;

/* judge_held.c: find the one that holds it back the most. */
extern void rw_find_xmin_holder(const RwFacts *facts, RwXminHolder *holder);

/* ----------------------------------------------------------------
 *		Words (alert_words.c)
 * ----------------------------------------------------------------
 */

/*
 * Put an alert into words that fires with this severity.  Its subject has been
 * judged, and its link has its reason.
 */
extern void rw_describe_alert(const RwJudgeInput *input,
							  const RwSubject *subject, RwAlertKind alert,
							  RwSeverity severity, RwAlertText *text);

/* Add to the detail that the alert is not reported because of this cause. */
extern void rw_add_why_quiet(RwAlertText *text, RwCause cause);

/*
 * Append a sentence to the detail or the hint, after a blank if there is
 * something already.  It is made of strings, of which the last is NULL.
 */
extern void rw_add_detail(RwAlertText *text,...);
extern void rw_add_hint(RwAlertText *text,...);

/*
 * Append the reason of a link, if it has one, as a sentence, which says so if it
 * is the replica's own.
 */
extern void rw_add_reason(RwAlertText *text, const RwLink *link);

/*
 * Append to the hint what to do about a replica that is behind, on `where`, that
 * server.  `guess` is what may be wrong, unless the replica itself has said; it
 * continues a sentence, and may be empty.
 */
extern void rw_add_replica_hint(RwAlertText *text, const RwLink *link,
								const char *where, const char *guess);

/* Append the time lag with its limit, and the reason, for a lag alert. */
extern void rw_add_time_lag(RwAlertText *text, const RwSubject *subject,
							const RwFinding *finding, RwSeverity severity);

/* "at least " or "at most " before a time lag, or nothing if it is exact. */
extern const char *rw_bound_text(const RwLink *link);

/*
 * "above " before the limit; or "no longer above ", because a lag alert fires
 * until the lag is well below its limit.
 */
extern const char *rw_above_text(const RwFinding *finding,
								 RwSeverity severity);

/* A whole number; returns buffer, of RW_NUMBER_LEN bytes. */
#define RW_NUMBER_LEN		24
extern const char *rw_number_text(char *buffer, int64 value);

/*
 * A name as an SQL literal, as quote_literal() writes it; returns buffer, of
 * RW_QUOTED_NAME_LEN bytes.
 */
#define RW_QUOTED_NAME_LEN	(2 * RW_NAME_LEN + 4)
extern const char *rw_quoted_name(char *buffer, const char *name);

/* ----------------------------------------------------------------
 *		A round of the worker (alert_round.c)
 * ----------------------------------------------------------------
 */

typedef struct RwAlertEntryKey
{
	RwSubjectClass class;
	char		name[RW_NAME_LEN];	/* padded with zeroes: hashed as it is */
} RwAlertEntryKey;

/* What the worker remembers of the alerts of one subject. */
typedef struct RwAlertEntry
{
	RwAlertEntryKey key;
	struct RwAlertEntry *next;	/* of the subject that came next in the last
								 * round */
	uint64		round;			/* in which its subject was last there */
	RwAlertState states[RW_CLASS_MAX_ALERTS]; /* by rw_alert_place() */
	uint64		progress[RW_CLASS_MAX_ALERTS];	/* RwFinding's, when raised */
	int			places[RW_CLASS_MAX_ALERTS];	/* where it is published, or -1 */
} RwAlertEntry;

/* One alert that has changed, fires or is to be reported in this round. */
typedef struct RwAlertItem
{
	RwAlertEntry *entry;
	RwAlertKind alert;
	RwSeverity	reported_before;	/* as last reported, before this round */
	RwChange	change;
	RwChange	reported;		/* what is reported now */
	bool		muted;			/* by its cause or by a silence */
	RwCause		cause;
	const RwSubject *subject;	/* NULL if that is gone */
	RwAlertState state;			/* a copy: the entry may be gone, too */
	RwAlertText text;			/* only if there is something to report */
} RwAlertItem;

/*
 * alert_publish.c: bring the place of an alert in shared memory up to date,
 * and the entry's note of it.  state_lock is held exclusively.
 *
 * A firing alert has a place for as long as it fires.  Then it goes to a ring
 * of the cleared ones, where it replaces the oldest.
 */
extern void rw_publish_alert(const RwAlertItem *item, RwTime now,
							 TimestampTz wall);

/* alert_notify.c: log what is to be reported of an alert, if anything is. */
extern void rw_log_alert(const RwAlertItem *item, RwTime now);

/* alert_notify.c: run alert_command for the same. */
extern void rw_push_alert(const RwAlertItem *item, const RwFacts *facts);

#endif							/* RW_ALERT_INTERN_H */
