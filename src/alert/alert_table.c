/*-------------------------------------------------------------------------
 *
 * alert_table.c
 *	  What alerts there are: one row of one table for each.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/alert_kinds.h"
#include "src/alert/intern.h"

/* Five times the limit of a warning is critical. */
#define CRITICAL_FACTOR		5

const RwAlertInfo rw_alert_table[] = {
	[RW_ALERT_REPLICA_MISSING] = {
		.name = "replica_missing",
		.class = RW_SUBJECT_REPLICA,
		.place = 0,
		.causes = RW_ALERT_BIT(RW_ALERT_REPLICA_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_MISSING_TIMEOUT,
		.judge = rw_judge_replica_missing,
		.words = rw_words_replica_missing,
	},
	[RW_ALERT_REPLICA_SILENT] = {
		.name = "replica_silent",
		.class = RW_SUBJECT_REPLICA,
		.place = 1,
		.causes = RW_ALERT_BIT(RW_ALERT_REPLICA_MISSING) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_SILENT_TIMEOUT,
		.judge = rw_judge_replica_silent,
		.words = rw_words_replica_silent,
	},
	[RW_ALERT_REPLICA_STALLED] = {
		.name = "replica_stalled",
		.class = RW_SUBJECT_REPLICA,
		.place = 2,
		.causes = RW_ALERT_BIT(RW_ALERT_REPLICA_MISSING) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_STALL_TIMEOUT,
		.critical_factor = CRITICAL_FACTOR,
		.others = {RW_LIMIT_DELAY},
		.judge = rw_judge_replica_stalled,
		.words = rw_words_replica_stalled,
	},
	[RW_ALERT_REPLICA_LAG] = {
		.name = "replica_lag",
		.class = RW_SUBJECT_REPLICA,
		.place = 3,
		.causes = RW_ALERT_BIT(RW_ALERT_REPLICA_MISSING) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_SILENT) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_STALLED) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_LAG_WARNING,
		.critical = RW_LIMIT_LAG_CRITICAL,
		.others = {RW_LIMIT_DELAY, RW_LIMIT_MISSING_TIMEOUT},
		.judge = rw_judge_replica_lag,
		.words = rw_words_replica_lag,
	},
	[RW_ALERT_REPLICA_LAG_BYTES] = {
		.name = "replica_lag_bytes",
		.class = RW_SUBJECT_REPLICA,
		.place = 4,
		.causes = RW_ALERT_BIT(RW_ALERT_REPLICA_MISSING) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_SILENT) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_STALLED) |
			RW_ALERT_BIT(RW_ALERT_REPLICA_DIVERGED),
		.unit = RW_UNIT_SIZE,
		.warning = RW_LIMIT_LAG_BYTES_WARNING,
		.critical = RW_LIMIT_LAG_BYTES_CRITICAL,
		.others = {RW_LIMIT_LAG_WARNING, RW_LIMIT_DELAY,
		RW_LIMIT_MISSING_TIMEOUT},
		.judge = rw_judge_replica_lag_bytes,
		.words = rw_words_replica_lag_bytes,
	},
	[RW_ALERT_SLOT_LOST] = {
		.name = "slot_lost",
		.class = RW_SUBJECT_SLOT,
		.place = 0,
		.unit = RW_UNIT_SIZE,
		.judge = rw_judge_slot_lost,
		.words = rw_words_slot_lost,
	},
	[RW_ALERT_SLOT_AT_RISK] = {
		.name = "slot_at_risk",
		.class = RW_SUBJECT_SLOT,
		.place = 1,
		.unit = RW_UNIT_TIME,
		.warning = RW_LIMIT_SLOT_TIME_LEFT,
		.others = {RW_LIMIT_SLOT_RETAINED, RW_LIMIT_MISSING_TIMEOUT},
		.judge = rw_judge_slot_at_risk,
		.words = rw_words_slot_at_risk,
	},
	[RW_ALERT_SLOT_INACTIVE] = {
		.name = "slot_inactive",
		.class = RW_SUBJECT_SLOT,
		.place = 2,
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_SLOT_INACTIVE_TIMEOUT,
		.judge = rw_judge_slot_inactive,
		.words = rw_words_slot_inactive,
	},
	[RW_ALERT_SYNC_SHORT] = {
		.name = "sync_short",
		.class = RW_SUBJECT_NODE,
		.place = 0,
		.unit = RW_UNIT_NONE,
		.judge = rw_judge_sync_short,
		.words = rw_words_sync_short,
	},
	[RW_ALERT_ARCHIVER_FAILING] = {
		.name = "archiver_failing",
		.class = RW_SUBJECT_NODE,
		.place = 1,
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_ARCHIVER_FAILING_TIMEOUT,
		.judge = rw_judge_archiver_failing,
		.words = rw_words_archiver_failing,
	},
	[RW_ALERT_UPSTREAM_DOWN] = {
		.name = "upstream_down",
		.class = RW_SUBJECT_NODE,
		.place = 2,
		.causes = RW_ALERT_BIT(RW_ALERT_SELF_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_UPSTREAM_TIMEOUT,
		.critical_factor = CRITICAL_FACTOR,
		.judge = rw_judge_upstream_down,
		.words = rw_words_upstream_down,
	},
	[RW_ALERT_REPLAY_PAUSED] = {
		.name = "replay_paused",
		.class = RW_SUBJECT_NODE,
		.place = 3,
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_STALL_TIMEOUT,
		.judge = rw_judge_replay_paused,
		.words = rw_words_replay_paused,
	},
	[RW_ALERT_SELF_LAG] = {
		.name = "self_lag",
		.class = RW_SUBJECT_NODE,
		.place = 4,
		.causes = RW_ALERT_BIT(RW_ALERT_UPSTREAM_DOWN) |
			RW_ALERT_BIT(RW_ALERT_REPLAY_PAUSED) |
			RW_ALERT_BIT(RW_ALERT_SELF_DIVERGED),
		.unit = RW_UNIT_TIME,
		.lasting = true,
		.warning = RW_LIMIT_LAG_WARNING,
		.critical = RW_LIMIT_LAG_CRITICAL,
		.others = {RW_LIMIT_UPSTREAM_TIMEOUT},
		.judge = rw_judge_self_lag,
		.words = rw_words_self_lag,
	},
	[RW_ALERT_REPLICA_DIVERGED] = {
		.name = "replica_diverged",
		.class = RW_SUBJECT_REPLICA,
		.place = 5,
		.unit = RW_UNIT_NONE,
		.judge = rw_judge_replica_diverged,
		.words = rw_words_replica_diverged,
	},
	[RW_ALERT_SELF_DIVERGED] = {
		.name = "replica_diverged",
		.class = RW_SUBJECT_NODE,
		.place = 5,
		.unit = RW_UNIT_NONE,
		.judge = rw_judge_self_diverged,
		.words = rw_words_self_diverged,
	},
	[RW_ALERT_WAL_DISK] = {
		.name = "wal_disk",
		.class = RW_SUBJECT_NODE,
		.place = 6,
		.unit = RW_UNIT_TIME,
		.warning = RW_LIMIT_WAL_DISK_TIME_LEFT,
		.others = {RW_LIMIT_WAL_DISK_FREE},
		.judge = rw_judge_wal_disk,
		.words = rw_words_wal_disk,
	},
	[RW_ALERT_XMIN_HELD] = {
		.name = "xmin_held",
		.class = RW_SUBJECT_NODE,
		.place = 7,
		.unit = RW_UNIT_NONE,
		.warning = RW_LIMIT_XMIN_AGE,
		.judge = rw_judge_xmin_held,
		.words = rw_words_xmin_held,
	},
};

StaticAssertDecl(lengthof(rw_alert_table) == RW_NUM_ALERTS,
				 "every alert has a row");
StaticAssertDecl(RW_NUM_ALERTS <= 32, "every alert has a bit");

const char *
rw_alert_name(RwAlertKind alert)
{
	return rw_alert_table[alert].name;
}

const RwAlertKind rw_alerts_of_class[][RW_CLASS_MAX_ALERTS] = {
	[RW_SUBJECT_REPLICA] = {
		RW_ALERT_REPLICA_MISSING, RW_ALERT_REPLICA_SILENT,
		RW_ALERT_REPLICA_STALLED, RW_ALERT_REPLICA_LAG,
		RW_ALERT_REPLICA_LAG_BYTES, RW_ALERT_REPLICA_DIVERGED
	},
	[RW_SUBJECT_SLOT] = {
		RW_ALERT_SLOT_LOST, RW_ALERT_SLOT_AT_RISK, RW_ALERT_SLOT_INACTIVE
	},
	[RW_SUBJECT_NODE] = {
		RW_ALERT_SYNC_SHORT, RW_ALERT_ARCHIVER_FAILING,
		RW_ALERT_UPSTREAM_DOWN, RW_ALERT_REPLAY_PAUSED, RW_ALERT_SELF_LAG,
		RW_ALERT_SELF_DIVERGED, RW_ALERT_WAL_DISK, RW_ALERT_XMIN_HELD
	},
};

int
rw_class_alerts(RwSubjectClass class)
{
	static const int numbers[] = {
		[RW_SUBJECT_REPLICA] = 6,
		[RW_SUBJECT_SLOT] = 3,
		[RW_SUBJECT_NODE] = 8,
	};

	return numbers[class];
}

bool
rw_alert_exists(int alert)
{
	return alert >= 0 && alert < RW_NUM_ALERTS;
}
