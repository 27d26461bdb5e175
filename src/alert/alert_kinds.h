/*-------------------------------------------------------------------------
 *
 * alert_kinds.h
 *	  What alerts there are: one row of one table for each.
 *
 * A pure file.  The table is in alert_table.c.  Everything that distinguishes
 * one alert from another is in its row: its name, the class of its subjects,
 * which alerts cause it, its limits, the function that judges it and the one
 * that puts it into words.  Everything else treats all alerts alike.
 *
 * An alert is about a subject.  There are three classes of subjects: replicas,
 * replication slots, and this server itself, the node.
 *
 * README.md in this folder says how to add an alert.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_KINDS_H
#define RW_ALERT_KINDS_H

#include "src/alert/alert_settings.h"
#include "src/alert/alert_state.h"

/*
 * The state file contains these numbers, so they do not change: a new alert
 * goes to the end, whatever its class.  Alerts of one subject that change in
 * the same round are reported in this order.
 */
typedef enum RwAlertKind
{
	RW_ALERT_REPLICA_MISSING,
	RW_ALERT_REPLICA_SILENT,
	RW_ALERT_REPLICA_STALLED,
	RW_ALERT_REPLICA_LAG,
	RW_ALERT_REPLICA_LAG_BYTES,
	RW_ALERT_SLOT_LOST,
	RW_ALERT_SLOT_AT_RISK,
	RW_ALERT_SLOT_INACTIVE,
	RW_ALERT_SYNC_SHORT,
	RW_ALERT_ARCHIVER_FAILING,
	RW_ALERT_UPSTREAM_DOWN,
	RW_ALERT_REPLAY_PAUSED,
	RW_ALERT_SELF_LAG,
	RW_ALERT_REPLICA_DIVERGED,
	RW_ALERT_SELF_DIVERGED,
	RW_ALERT_WAL_DISK,
	RW_ALERT_XMIN_HELD
} RwAlertKind;

#define RW_NUM_ALERTS	(RW_ALERT_XMIN_HELD + 1)

/* The most alerts that a class of subjects has. */
#define RW_CLASS_MAX_ALERTS		8

typedef enum RwSubjectClass
{
	RW_SUBJECT_REPLICA,
	RW_SUBJECT_SLOT,
	RW_SUBJECT_NODE
} RwSubjectClass;

#define RW_CLASS_BIT(class)		((uint32) 1 << (class))
#define RW_ALL_CLASSES \
	(RW_CLASS_BIT(RW_SUBJECT_REPLICA) | RW_CLASS_BIT(RW_SUBJECT_SLOT) | \
	 RW_CLASS_BIT(RW_SUBJECT_NODE))

/* What an alert's value and limits are measured in. */
typedef enum RwUnit
{
	RW_UNIT_NONE,				/* a count */
	RW_UNIT_TIME,				/* microseconds */
	RW_UNIT_SIZE				/* bytes */
} RwUnit;

struct RwJudgeInput;
struct RwSubject;
struct RwFinding;
struct RwAlertText;

/*
 * Judge one alert of one subject.  *finding comes with the limits of the row,
 * says that all is well, and has no value; the function sets what differs.
 */
typedef void RwJudgeFunction(const struct RwJudgeInput *input,
							 const struct RwSubject *subject,
							 struct RwFinding *finding);

/*
 * Put an alert into words that fires with this severity: add sentences to the
 * detail and the hint of *text, which has the value and the limit already.
 */
typedef void RwWordsFunction(const struct RwJudgeInput *input,
							 const struct RwSubject *subject,
							 const struct RwFinding *finding,
							 RwSeverity severity,
							 struct RwAlertText *text);

#define RW_MAX_OTHER_LIMITS		3

typedef struct RwAlertInfo
{
	const char *name;
	RwSubjectClass class;
	int			place;			/* among the alerts of its class, from 0 */

	/*
	 * RW_ALERT_BIT() of the alerts of the same subject that cause this one;
	 * see alert_cause.h.
	 */
	uint32		causes;

	RwUnit		unit;
	bool		lasting;		/* the value is how long something has lasted */
	RwLimit		warning;		/* the limits; RW_LIMIT_NONE: none */
	RwLimit		critical;
	int			critical_factor;	/* unless 0, the critical limit is so many
									 * times the warning limit */
	RwLimit		others[RW_MAX_OTHER_LIMITS];	/* what else its judge uses; its
										 * unit test allows no others */

	RwJudgeFunction *judge;
	RwWordsFunction *words;
} RwAlertInfo;

#define RW_ALERT_BIT(alert)		((uint32) 1 << (alert))

extern const RwAlertInfo rw_alert_table[RW_NUM_ALERTS];

/*
 * "replica_lag" and so on.  Two alerts share a name: replica_diverged is about
 * a replica where it is seen by its upstream server, and about the node where
 * it is seen by the standby itself.
 */
extern const char *rw_alert_name(RwAlertKind alert);

/* The class of the subjects that it is about. */
static inline RwSubjectClass
rw_alert_class(RwAlertKind alert)
{
	return rw_alert_table[alert].class;
}

/*
 * Its place in what is kept for each subject: only the alerts of its class
 * have one there.  A round goes through all subjects, so this memory counts.
 */
static inline int
rw_alert_place(RwAlertKind alert)
{
	return rw_alert_table[alert].place;
}

/*
 * The alerts of each class, by place and in the order of their numbers, of
 * which there are rw_class_alerts().
 */
extern const RwAlertKind rw_alerts_of_class[][RW_CLASS_MAX_ALERTS];

/* How many alerts a subject of this class has. */
extern int	rw_class_alerts(RwSubjectClass class);

/* Is this number, which may come from a file, that of an alert? */
extern bool rw_alert_exists(int alert);

#endif							/* RW_ALERT_KINDS_H */
