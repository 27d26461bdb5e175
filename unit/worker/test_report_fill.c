/*-------------------------------------------------------------------------
 *
 * test_report_fill.c
 *	  Tests of src/worker/report_fill.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/worker/report_fill.h"
#include "unit/lag/fixture.h"

static RwChild room[2][MAX_EACH];
static RwReport report;
static RwReport last;
static RwReportInput input;

/* A server with no report yet. */
static void
start(const char *title)
{
	begin(title);
	memset(&report, 0, sizeof(report));
	memset(&last, 0, sizeof(last));
	memset(room, 0x7f, sizeof(room));
	report.children = room[0];
	last.children = room[1];
	memset(&input, 0, sizeof(input));
	input.facts = &facts;
	input.links = &links;
	input.staleness.staleness = 5;
	input.staleness.of_primary = true;
	strcpy(input.name, "me");
	input.health = RW_HEALTH_WARNING;
	input.alerts = 2;
	input.port = 5431;
	input.version = "1.0";
	input.application_name = "app";
	input.hostaddr = "10.0.0.1";
	input.max_children = MAX_EACH;
}

/* Make the report of a round, which has been explained or not. */
static void
fill(bool explained)
{
	RwReport	swapped = last;

	last = report;
	report = swapped;
	work_out();
	links.explained = explained;
	rw_report_fill(&report, &last, &input);
}

static const RwServer *
child(int i)
{
	return &report.children[i].server;
}

static void
test_own(void)
{
	start("A primary");
	fill(true);
	is_text(report.own.name, "me", "its name");
	is_int(report.own.role, RW_ROLE_PRIMARY, "its role");
	is_int(report.own.tli, 1, "its timeline");
	is_uint(report.own.replay, HORIZON, "its WAL");
	is_int(report.own.staleness, 5, "its staleness");
	ok(report.own.of_primary, "which is towards the primary");
	is_int(report.own.health, RW_HEALTH_WARNING, "its health");
	is_int(report.own.alerts, 2, "its alerts");
	is_int(report.own.port, 5431, "its port");
	is_text(report.own.version, "1.0", "its version");
	is_int(report.own.reported_at, START, "the time of the sample");
	is_int(report.own.seen_at, RW_NEVER, "nobody has seen it");
	is_int(report.own.lag, -1, "it has no lag");
	ok(report.own.own_reason && report.own.reason == RW_REASON_NONE,
	   "and no reason");
	ok(!report.in_recovery && report.receiver.pid == 0, "nor a receiver");
	is_int(report.nchildren, 0, "nor replicas");

	start("A standby");
	make_standby();
	strcpy(facts.receiver.host, "upstream.example");
	strcpy(facts.receiver.slot_name, "slot1");
	facts.recovery.replay = HORIZON - 100;
	facts.recovery.pause_state = RW_PAUSE_PAUSED;
	facts.recovery.hold = RW_REPLAY_WAIT_PAUSED;
	fill(true);
	ok(report.in_recovery, "is in recovery");
	is_int(report.own.role, RW_ROLE_STANDBY, "its role");
	is_text(report.own.label, "this_standby", "how it is known upstream");
	is_uint(report.own.replay, HORIZON - 100, "what it has replayed");
	is_int(report.own.state, RW_STATE_STREAMING, "its state");
	ok(report.own.lag > 0, "its lag");
	is_text(rw_reason_name(report.own.reason), "paused", "its reason");
	is_text(report.own.reason_text,
			"replay is paused; run pg_wal_replay_resume()", "in words");
	is_int(report.receiver.pid, 900, "its receiver");
	ok(report.receiver.streaming, "streams");
	is_text(report.receiver.host, "upstream.example", "from this host");
	is_text(report.receiver.hostaddr, "10.0.0.1", "at this address");
	is_text(report.receiver.application_name, "app", "by this name");
	is_text(report.receiver.slot_name, "slot1", "and this slot");
	facts.recovery.pause_state = RW_PAUSE_NONE;
	facts.recovery.hold = RW_REPLAY_WAIT_NONE;
	fill(false);
	is_text(rw_reason_name(report.own.reason), "paused",
			"the reason stays until it is looked for again");
	fill(true);
	is_text(rw_reason_name(report.own.reason), "replay_behind",
			"and then is another");
	facts.recovery.replay = facts.horizon;
	fill(false);
	is_text(report.own.reason_text, "", "what has been replayed is not behind");
	facts.receiver.state = RW_RECEIVER_CONNECTING;
	fill(true);
	ok(!report.receiver.streaming, "a receiver that does not stream");
	facts.receiver.pid = 0;
	fill(true);
	ok(report.receiver.pid == 0 && report.receiver.host[0] == '\0' &&
	   report.receiver.hostaddr[0] == '\0', "none");

	start("A cascade");
	make_standby();
	add_walsender("r1", 101);
	fill(true);
	is_int(report.own.role, RW_ROLE_CASCADE, "its role");

	start("Crash recovery");
	make_standby();
	facts.crash_recovery = true;
	fill(true);
	is_int(report.own.role, RW_ROLE_UNKNOWN, "the role is not decided");
	ok(!report.in_recovery, "so it is no standby");
}

static void
test_children(void)
{
	RwSenderFacts *sender;
	RwReplica  *replica;

	start("A replica");
	add_replica("other", 0)->used = false;
	replicas[0].used = true;
	replicas[0].known = replicas[0].belongs = false;
	sender = add_walsender("r1", 101);
	replica = add_replica("r1", 101);
	replicas[0].used = false;
	replica->generation = 3;
	strcpy(sender->peer.address, "10.0.0.2");
	strcpy(sender->peer.application_name, "its_app");
	use_slot(sender, add_slot("r1"));
	write_wal(1000);
	sender->replay = replica->position = HORIZON - 10;
	fill(true);
	is_int(report.nchildren, 1, "is a child");
	is_uint(child(0)->key, (3 << 16) + 2, "its key");
	is_text(child(0)->label, "r1", "its name");
	is_text(child(0)->name, "", "what it calls itself is not known");
	is_text(child(0)->host, "10.0.0.2", "its host");
	is_int(child(0)->state, RW_STATE_STREAMING, "its state");
	is_int(child(0)->lag, row("r1")->lag, "its lag");
	is_int(child(0)->streaming_for, RW_HOUR, "since when it streams");
	is_int(child(0)->seen_at, START, "when that was seen");
	is_int(child(0)->reported_at, RW_NEVER, "it has not reported");
	is_int(child(0)->role, RW_ROLE_STANDBY, "its role");
	is_uint(child(0)->replay, HORIZON - 10, "what it has replayed");
	is_int(child(0)->staleness, -1, "how stale it is, it does not say");
	is_int(child(0)->alerts, -1, "nor its alerts");
	ok(!child(0)->own_reason && child(0)->reason == row("r1")->reason &&
	   child(0)->reason != RW_REASON_NONE, "the reason is this server's");
	is_int(report.children[0].pid, 101, "its walsender");
	is_text(report.children[0].application_name, "its_app", "its application");
	is_text(report.children[0].slot_name, "r1", "its slot");
	is_int(child(0)->gone_for, -1, "it is connected");
	slots[0].temporary = true;
	fill(true);
	is_text(report.children[0].slot_name, "", "a temporary one is none");
	slots[0].temporary = false;
	sender->state = RW_SENDER_CATCHUP;
	fill(true);
	is_int(child(0)->streaming_for, -1, "one that catches up");

	start("Replicas that are gone, and what are none");
	replica = add_gone_replica("r2");
	strcpy(replica->address, "10.0.0.3");
	strcpy(replica->slot_name, "r2");
	replica->last_seen = START - 9 * RW_SECOND;
	replica->gone_at = START - 5 * RW_SECOND;
	add_walsender("backup", 102)->replica = false;
	add_walsender("stranger", 103);
	sender = add_walsender("sub", 104);
	add_replica("sub", 104);
	use_slot(sender, add_slot("sub"));
	slots[0].logical = true;
	add_slot("unused");
	fill(true);
	is_int(report.nchildren, 1, "only the first is a child");
	is_int(child(0)->state, RW_STATE_MISSING, "gone");
	is_text(child(0)->host, "10.0.0.3", "from where it was");
	is_int(child(0)->role, RW_ROLE_UNKNOWN, "it may be anything by now");
	is_int(child(0)->streaming_for, -1, "it does not stream");
	is_int(report.children[0].pid, 0, "it has no walsender");
	is_text(report.children[0].slot_name, "r2", "its slot");
	is_int(child(0)->gone_for, 9 * RW_SECOND, "since it was seen");

	start("More than there is room for");
	for (int i = 0; i < 5; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "r%d", i);
		add_walsender(name, 101 + i);
		add_replica(name, 101 + i);
	}
	input.max_children = 3;
	fill(true);
	is_int(report.nchildren, 3, "are left out");

	start("Reasons that have not been looked for");
	for (int i = 0; i < 3; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "r%d", i);
		sender = add_walsender(name, 101 + i);
		add_replica(name, 101 + i)->generation = 1 + i;
		sender->replay -= i * 100;
	}
	write_wal(1000);
	fill(true);
	strcpy(report.children[0].server.reason_text, "0");
	strcpy(report.children[1].server.reason_text, "1");
	strcpy(report.children[2].server.reason_text, "2");
	fill(false);
	is_text(child(0)->reason_text, "0", "stay what they were");
	is_text(child(2)->reason_text, "2", "for each");
	senders[1].sent = facts.horizon;
	senders[1].replay = replicas[1].position = facts.horizon;
	fill(false);
	is_text(child(0)->reason_text, "0", "of those that are behind");
	is_text(child(1)->reason_text, "", "not of one that is in step by now");
	senders[1].replay = replicas[1].position = HORIZON - 100;
	fill(true);
	strcpy(report.children[1].server.reason_text, "1");
	strcpy(report.children[2].server.reason_text, "2");
	replicas[0].known = replicas[0].belongs = false;
	fill(false);
	is_int(report.nchildren, 2, "one is left out");
	is_text(child(0)->reason_text, "1", "the others keep theirs");
	is_text(child(1)->reason_text, "2", "wherever they are");
	replicas[2].generation = 9;
	fill(false);
	is_text(child(1)->reason_text, "", "and a new one has none");
}

/* Has this round other words than the last one? */
static bool
changes(void)
{
	uint64		words = rw_report_words(&report);

	fill(true);
	return rw_report_words(&report) != words;
}

static void
test_words(void)
{
	RwSenderFacts *sender;
	RwReplica  *replica;

	start("Words");
	make_standby();
	sender = add_walsender("r1", 101);
	replica = add_replica("r1", 101);
	fill(true);
	ok(!changes(), "nothing has changed");
	pass(RW_SECOND);
	ok(!changes(), "it is later");
	write_wal(1000);
	pass(RW_SECOND / 2);
	input.staleness.staleness = 1000;
	ok(!changes(), "figures, and a standby that keeps up");
	facts.recovery.replay = facts.horizon;
	ok(!changes(), "and has caught up");
	strcpy(input.name, "you");
	ok(changes(), "its name");
	strcpy(facts.receiver.name, "that_standby");
	ok(changes(), "its name upstream");
	facts.tli = 2;
	ok(changes(), "its timeline");
	input.staleness.of_primary = false;
	ok(changes(), "towards whom it knows");
	input.health = RW_HEALTH_CRITICAL;
	ok(changes(), "its health");
	input.alerts++;
	ok(changes(), "its alerts");
	input.port = 0;
	ok(changes(), "its port");
	facts.receiver.pid = 901;
	ok(changes(), "its receiver");
	facts.receiver.state = RW_RECEIVER_CONNECTING;
	ok(changes(), "which does not stream");
	facts.receiver.state = RW_RECEIVER_STREAMING;
	ok(changes(), "or does");
	sender->state = RW_SENDER_CATCHUP;
	ok(changes(), "the state of a replica");
	strcpy(sender->peer.address, "10.0.0.9");
	ok(changes(), "its host");
	strcpy(sender->name, "r2");
	ok(changes(), "its name");
	replica->generation++;
	ok(changes(), "which it is");
	sender->pid = replica->pid = 102;
	ok(changes(), "its walsender");
	replica->known = replica->belongs = false;
	ok(changes(), "that it is one");
	facts.nsenders = 0;
	ok(changes(), "the role");

	start("The words of reasons");
	make_standby();
	write_wal(1000);
	pass(2 * RW_SECOND);
	facts.receiver.receipt_time = facts.wall;
	facts.receiver.send_time = facts.wall - 1;
	fill(true);
	is_text(rw_reason_name(report.own.reason), "replay_behind",
			"a standby that does not keep up");
	facts.recovery.hold = RW_REPLAY_WAIT_LOCK;
	facts.recovery.nblockers = 1;
	facts.recovery.blockers[0] = 17;
	ok(changes(), "another reason");
	facts.recovery.blockers[0] = 3912;
	ok(!changes(), "another number in it");
	facts.recovery.nblockers = 0;
	ok(changes(), "other words");
	facts.recovery.hold = RW_REPLAY_WAIT_NONE;
	ok(changes(), "another again");
	facts.recovery.replay = facts.horizon;
	ok(changes(), "and none");
}

int
main(void)
{
	test_own();
	test_children();
	test_words();
	return tap_end();
}
