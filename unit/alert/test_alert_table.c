/*-------------------------------------------------------------------------
 *
 * test_alert_table.c
 *	  Tests of src/alert/alert_table.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/alert/alert_kinds.h"
#include "unit/tap.h"

/* The alerts in a set of causes, as text. */
static const char *
causes_of(RwAlertKind alert)
{
	static char text[256];

	text[0] = '\0';
	for (int i = 0; i < RW_NUM_ALERTS; i++)
	{
		if (rw_alert_table[alert].causes & RW_ALERT_BIT(i))
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
					 "%s%s", text[0] ? " " : "", rw_alert_name(i));
	}
	return text;
}

static void
test_rows(void)
{
	int			unnamed = 0;
	int			same = 0;
	int			incomplete = 0;
	int			two_limits = 0;
	int			wrong = 0;

	/* In SQL and metrics, and by number in the state file; add, never move. */
	static const char *const names[RW_NUM_ALERTS] = {
		"replica_missing", "replica_silent", "replica_stalled",
		"replica_lag", "replica_lag_bytes", "slot_lost", "slot_at_risk",
		"slot_inactive", "sync_short", "archiver_failing", "upstream_down",
		"replay_paused", "self_lag", "replica_diverged", "replica_diverged",
		"wal_disk", "xmin_held"
	};

	section("rows");

	for (int i = 0; i < RW_NUM_ALERTS; i++)
	{
		const RwAlertInfo *info = &rw_alert_table[i];

		unnamed += info->name == NULL || rw_alert_name(i) != info->name;
		for (int j = 0; j < i; j++)
			same += strcmp(rw_alert_name(i), rw_alert_name(j)) == 0 &&
				rw_alert_class(i) == rw_alert_class(j);
		incomplete += info->judge == NULL || info->words == NULL;
		for (int j = 0; j < i; j++)
			incomplete += info->judge == rw_alert_table[j].judge ||
				info->words == rw_alert_table[j].words;
		two_limits += info->critical != RW_LIMIT_NONE &&
			info->critical_factor != 0;
	}
	is_int(unnamed, 0, "each alert has a name");
	is_int(same, 0, "of its own in its class");
	is_int(incomplete, 0, "functions of its own judge it and describe it");
	is_int(two_limits, 0, "no critical limit is given twice");

	for (int i = 0; i < RW_NUM_ALERTS; i++)
		wrong += strcmp(rw_alert_name(i), names[i]) != 0;
	is_int(wrong, 0, "names and numbers are those of earlier versions");

	wrong = RW_NUM_ALERTS;
	for (int class = RW_SUBJECT_REPLICA; class <= RW_SUBJECT_NODE; class++)
	{
		for (int i = 0; i < rw_class_alerts(class); i++)
		{
			RwAlertKind kind = rw_alerts_of_class[class][i];

			wrong -= rw_alert_class(kind) == class &&
				rw_alert_place(kind) == i &&
				(i == 0 || kind > rw_alerts_of_class[class][i - 1]);
		}
	}
	is_int(wrong, 0, "each has its place in the list of its class");

	ok(!rw_alert_exists(-1), "no alert has a negative number");
	ok(rw_alert_exists(0) && rw_alert_exists(RW_NUM_ALERTS - 1),
	   "the first and the last exist");
	ok(!rw_alert_exists(RW_NUM_ALERTS), "and nothing beyond");
}

static void
test_classes(void)
{
	int			wrong = 0;
	int			misplaced = 0;

	section("classes");

	is_int(rw_class_alerts(RW_SUBJECT_REPLICA), 6, "alerts of a replica");
	is_int(rw_class_alerts(RW_SUBJECT_SLOT), 3, "of a slot");
	is_int(rw_class_alerts(RW_SUBJECT_NODE), 8, "of the node");
	is_int(rw_class_alerts(RW_SUBJECT_REPLICA) +
		   rw_class_alerts(RW_SUBJECT_SLOT) +
		   rw_class_alerts(RW_SUBJECT_NODE), RW_NUM_ALERTS, "that is all");
	for (int i = 0; i < RW_NUM_ALERTS; i++)
	{
		RwSubjectClass class = RW_SUBJECT_NODE;

		/* A standby finds out itself that it has diverged, too. */
		if (i == RW_ALERT_SELF_DIVERGED)
			class = RW_SUBJECT_NODE;
		else if (strncmp(rw_alert_name(i), "replica_", 8) == 0)
			class = RW_SUBJECT_REPLICA;
		else if (strncmp(rw_alert_name(i), "slot_", 5) == 0)
			class = RW_SUBJECT_SLOT;
		wrong += rw_alert_class(i) != class;
	}
	is_int(wrong, 0, "names tell the class");

	for (int class = 0; class <= RW_SUBJECT_NODE; class++)
	{
		int			n = 0;

		for (int i = 0; i < RW_NUM_ALERTS; i++)
		{
			if ((int) rw_alert_class(i) != class)
				continue;
			misplaced += rw_alert_place(i) != n;
			n++;
		}
		misplaced += n > RW_CLASS_MAX_ALERTS;
	}
	is_int(misplaced, 0, "each class numbers the places of its alerts");
}

static void
test_causes(void)
{
	int			own = 0;
	int			across = 0;
	int			unknown = 0;

	section("causes");

	is_text(causes_of(RW_ALERT_REPLICA_DIVERGED), "",
			"nothing causes replica_diverged");
	is_text(causes_of(RW_ALERT_SELF_DIVERGED), "",
			"neither on the standby itself");
	is_text(causes_of(RW_ALERT_REPLICA_MISSING), "replica_diverged",
			"causes of replica_missing");
	is_text(causes_of(RW_ALERT_REPLICA_SILENT),
			"replica_missing replica_diverged", "of replica_silent");
	is_text(causes_of(RW_ALERT_REPLICA_STALLED),
			"replica_missing replica_diverged", "of replica_stalled");
	is_text(causes_of(RW_ALERT_REPLICA_LAG),
			"replica_missing replica_silent replica_stalled replica_diverged",
			"of replica_lag");
	is_text(causes_of(RW_ALERT_REPLICA_LAG_BYTES),
			"replica_missing replica_silent replica_stalled replica_diverged",
			"of replica_lag_bytes");
	is_text(causes_of(RW_ALERT_UPSTREAM_DOWN), "replica_diverged",
			"of upstream_down");
	is_text(causes_of(RW_ALERT_SELF_LAG),
			"upstream_down replay_paused replica_diverged", "of self_lag");

	for (int i = 0; i < RW_NUM_ALERTS; i++)
	{
		uint32		causes = rw_alert_table[i].causes;

		own += (causes & RW_ALERT_BIT(i)) != 0;
		unknown += (causes >> RW_NUM_ALERTS) != 0;
		for (int j = 0; j < RW_NUM_ALERTS; j++)
		{
			if (causes & RW_ALERT_BIT(j))
			{
				across += rw_alert_class(j) != rw_alert_class(i);
				/* Two alerts that cause each other would both be quiet. */
				own += (rw_alert_table[j].causes & RW_ALERT_BIT(i)) != 0;
			}
		}
	}
	is_int(own, 0, "no alert keeps itself quiet");
	is_int(across, 0, "a cause has the same subject");
	is_int(unknown, 0, "and exists");
}

int
main(void)
{
	test_rows();
	test_classes();
	test_causes();
	return tap_end();
}
