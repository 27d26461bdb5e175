/*-------------------------------------------------------------------------
 *
 * test_judge.c
 *	  Tests of src/alert/judge.c and of the rules in judge_*.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/lag/intern.h"
#include "unit/alert/world.h"

#define S	RW_SECOND

/*
 * What is judged of the first subject that has this alert: what raises it and
 * what keeps it, and whether it has held, is pending or kept for want of
 * progress.
 */
static const char *
judge(RwAlertKind alert)
{
	static char text[4][80];
	static int	next = 0;
	static const char *const levels[] = {"none", "warning", "critical"};
	char	   *buffer = text[next++ % lengthof(text)];
	const RwSubject *subject;
	const RwFinding *finding;

	judge_world();
	subject = subject_of(alert);
	if (subject == NULL)
		return "no subject";
	finding = &subject->findings[rw_alert_place(alert)];
	snprintf(buffer, sizeof(text[0]), "%s%s%s%s%s%s%s%s",
			 finding->judged.known ? levels[finding->judged.raise] : "unknown",
			 finding->judged.known ? " " : "",
			 finding->judged.known ? levels[finding->judged.keep] : "",
			 finding->judged.no_warning ? ", no warnings" : "",
			 finding->judged.held ? ", held" : "",
			 finding->pending ? ", pending" : "",
			 finding->progress ? ", progress" : "",
			 finding->unit == RW_UNIT_SIZE ? ", size" : "");
	return buffer;
}

/* The value that goes with it. */
static int64
value(RwAlertKind alert)
{
	judge_world();
	return subject_of(alert)->findings[rw_alert_place(alert)].value;
}

/* A replica's alert is judged with this limit switched off. */
static const char *
judge_without(RwAlertKind alert, RwLimit limit)
{
	int64		saved = world.limits.of[limit];
	const char *judged;

	world.limits.of[limit] = 0;
	judged = judge(alert);
	world.limits.of[limit] = saved;
	return judged;
}

/* The names of the subjects, each with a letter for its class. */
static const char *
subjects(void)
{
	static char text[512];

	judge_world();
	text[0] = '\0';
	for (int i = 0; i < world.nsubjects; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "%s%c:%s%s", i > 0 ? " " : "",
				 "rsn"[world.subjects[i].class], world.subjects[i].name,
				 world.subjects[i].expected ? "!" : "");
	return text;
}

static void
test_subjects(void)
{
	RwReplica  *replica;
	RwLink	   *link;

	section("subjects of a primary");

	reset_primary();
	is_text(subjects(), "n:main", "alone, only itself");
	is_int(rw_max_subjects(&world.input), 1, "which needs room for one");
	add_replica("a");
	add_slot("a");
	expect("a");
	expect("b");
	is_text(subjects(), "r:a! r:b! s:a n:main",
			"a replica, one that is expected, a slot");
	ok(world.nsubjects <= rw_max_subjects(&world.input), "they have room");
	ok(world.subjects[1].link == NULL, "one that was never here has no link");

	reset_primary();
	add_replica("a");
	add_replica("c");
	add_replica("e");
	expect("b");
	expect("c");
	expect("d");
	is_text(subjects(), "r:a r:c! r:e r:b! r:d! n:main",
			"those expected are found, or added");
	reset_primary();
	add_replica("b")->known = false;
	expect("b");
	is_text(subjects(), "r:b! n:main", "one that is not known yet");
	ok(world.subjects[0].link == &world.link[0], "has its link");
	rename_node("b", "x");
	is_text(subjects(), "n:main", "a server does not expect itself");
	rename_node("x", "b");
	is_text(subjects(), "n:main", "by either of its names");
	reset_primary();
	expect("pg-1");
	expect("pg-2");
	rename_node("pg_1", "main");
	is_text(subjects(), "r:pg-2! n:main", "nor by a name that is like its own");
	add_replica("pg-1");
	is_text(subjects(), "r:pg-1! r:pg-2! n:main",
			"unless that is exactly a replica's");

	reset_primary();
	replica = add_replica("pg_2");
	rw_name_copy(replica->application_name, "Pg-2.eu");
	expect("Pg-2.eu");
	expect("pg-2");
	expect("pg_2");
	is_text(subjects(), "r:pg_2! n:main", "several names of one replica");
	replica->known = false;
	is_text(subjects(), "r:Pg-2.eu! n:main",
			"that is not known yet: the first of them");
	ok(world.subjects[0].link == &world.link[0], "has its link");

	reset_primary();
	add_slot("pg_2");
	expect("pg-2");
	is_text(subjects(), "r:pg-2! s:pg_2 n:main",
			"one that was never here keeps its name, whatever slot there is");
	ok(world.subjects[0].link == NULL, "and has no link");

	reset_primary();
	add_slot("a");
	add_replica("a")->known = false;
	expect("a");
	is_text(subjects(), "r:a! s:a n:main", "a replica and a slot of one name");
	ok(world.subjects[0].link == &world.link[1], "each has its own link");
	ok(world.subjects[1].link == &world.link[0], "and so has the slot");

	reset_primary();
	add_replica("a-b");
	add_replica("a_b");
	expect("A.B");
	expect("a_b");
	is_text(subjects(), "r:a-b r:a_b! r:A.B! n:main",
			"a name that could be either is neither");
	ok(world.subjects[2].link == NULL, "and has no link");

	reset_primary();
	replica = add_replica("a");
	replica->known = false;
	is_text(subjects(), "n:main", "what is not known is not judged");
	replica->shared = true;
	replica->streaming_since = START - RW_MINUTE;
	is_text(subjects(), "r:a n:main",
			"but for a shared name that has streamed for known_after");
	replica->streaming_since = START - RW_MINUTE + 1;
	is_text(subjects(), "n:main", "and not for less");
	replica->streaming_since = RW_NEVER;
	is_text(subjects(), "n:main", "nor if it does not stream");

	section("names that are connected twice");

	reset_primary();
	add_replica("a")->shared = true;
	add_replica("a")->shared = true;
	world.link[1].lag = 7;
	is_text(subjects(), "r:a n:main", "a shared name is one subject");
	ok(world.subjects[0].link == &world.link[1],
	   "and the worst of its connections counts");
	world.link[0].lag = 8;
	subjects();
	ok(world.subjects[0].link == &world.link[0], "whichever that is");

	reset_primary();
	replica = add_replica("a");
	replica->alone_since = RW_NEVER;
	world.link[0].last_seen = START - 9 * S;
	add_replica("a")->known = false;
	is_text(subjects(), "r:a n:main", "a replica that has come back");
	ok(world.subjects[0].link == &world.link[1], "is on its new connection");
	world.link[1].replica = NULL;
	subjects();
	ok(world.subjects[0].link == &world.link[0],
	   "but not on one that is not followed");
	world.link[1].replica = &world.replicas[1];
	replica->alone_since = START;
	subjects();
	ok(world.subjects[0].link == &world.link[0],
	   "unless its name is connected only once");

	section("slots");

	reset_primary();
	add_slot("s");
	world.slots[0].temporary = true;
	is_text(subjects(), "n:main", "no temporary ones");
	world.slots[0].temporary = false;
	subjects();
	ok(world.subjects[0].note == &world.notes[0], "a slot has its note");
	rw_name_copy(world.notes[0].name, "other");
	subjects();
	ok(world.subjects[0].note == NULL, "but not that of another");

	section("subjects of a standby");

	reset_standby();
	expect("x");
	is_text(subjects(), "n:upstream", "it expects nobody");
	add_slot("s");
	is_text(subjects(), "s:s n:upstream", "its slots are judged");
	world.slots[1].temporary = true;
	is_text(subjects(), "n:upstream", "but for temporary ones");
	reset_primary();
	world.facts.in_recovery = true;
	is_text(subjects(), "", "without a link upstream nothing is there");
	link = add_link("a", RW_STATE_BACKUP);
	link->sender = &world.senders[0];
	is_text(subjects(), "", "and a base backup is no subject");
}

static void
test_memory(void)
{
	RwJudgeMemory memory;

	section("what is remembered");

	reset_primary();
	memset(&memory, 0, sizeof(memory));
	ok(!rw_judge_remember(&memory, &world.facts, &world.node),
	   "the first round finds no other role");
	is_int(memory.watching_since, START, "it is watched since then");
	world.facts.now += 10 * S;
	ok(!rw_judge_remember(&memory, &world.facts, &world.node), "nor the next");
	is_int(memory.watching_since, START, "which changes nothing");
	world.facts.in_recovery = true;
	ok(rw_judge_remember(&memory, &world.facts, &world.node), "another role");
	is_int(memory.watching_since, START + 10 * S, "begins anew");
	ok(!rw_judge_remember(&memory, &world.facts, &world.node), "once");
}

static void
test_missing(void)
{
	const RwAlertKind alert = RW_ALERT_REPLICA_MISSING;

	section("replica_missing");

	reset_primary();
	add_replica("a");
	add_replica("b");
	is_text(judge(alert), "none none", "it streams");
	is_int(value(alert), -1, "so it is not away");
	world.link[0].state = RW_STATE_STOPPING;
	is_text(judge(alert), "none none", "also while the server stops");
	world.link[0].state = RW_STATE_CATCHUP;
	world.replicas[0].belongs = true;
	world.replicas[0].streaming_since = RW_NEVER;
	world.replicas[0].streamed_at = START - RW_HOUR;
	world.replicas[0].progressed_at = START - 120 * S + 1;
	is_text(judge(alert), "none warning",
			"a connection that catches up keeps it");
	world.replicas[0].progressed_at = START - 120 * S;
	is_text(judge(alert), "warning warning",
			"and one that gets no further raises it");
	world.replicas[0].streaming_since = START;
	world.link[0].state = RW_STATE_STREAMING;
	is_text(judge(alert), "none none", "and one that streams clears it");

	goes_away(0, START - 120 * S + 1);
	is_text(judge(alert), "none warning", "away for less than the limit");
	goes_away(0, START - 120 * S);
	is_text(judge(alert), "warning warning", "for as long");
	is_int(value(alert), 120 * S, "which is its value");
	is_text(judge_without(alert, RW_LIMIT_MISSING_TIMEOUT), "none none",
			"switched off");
	world.memory.watching_since = START - 119 * S;
	is_text(judge(alert), "none warning", "watched for less than the limit");
	is_int(value(alert), 120 * S, "the value is how long it really was");
	world.memory.watching_since = START - WATCHED;

	goes_away(1, START);
	is_text(judge(alert), "critical critical", "no standby streams");
	add_replica("sub");
	world.link[2].logical = true;
	is_text(judge(alert), "critical critical", "though a subscriber does");
	world.link[2].logical = false;
	world.replicas[2].parted = RW_AHEAD;
	is_text(judge(alert), "critical critical", "or one that has parted");
	world.replicas[2].parted = RW_NOT_PARTED;
	world.replicas[2].belongs = false;
	is_text(judge(alert), "critical critical", "or a connection of nobody");
	world.replicas[2].belongs = true;
	is_text(judge(alert), "warning warning", "until a standby does");
	world.links.nlinks--;
	goes_away(1, START - RW_HOUR);
	world.link[0].sender = &world.senders[0];
	world.link[0].state = RW_STATE_STARTUP;
	is_text(judge(alert), "critical critical", "one that has just connected");

	reset_primary();
	add_replica("b");
	expect("a");
	world.link[0].state = RW_STATE_STREAMING;
	judge_world();
	is_text(world.subjects[1].name, "a", "an expected replica");
	ok(world.subjects[1].findings[rw_alert_place(alert)].judged.raise ==
	   RW_SEVERITY_CRITICAL, "that was never here is critical");
	is_int(world.subjects[1].findings[rw_alert_place(alert)].value, WATCHED,
		   "since it is watched");
	world.memory.watching_since = START - 120 * S + 1;
	judge_world();
	ok(world.subjects[1].findings[rw_alert_place(alert)].judged.raise == RW_SEVERITY_NONE,
	   "after the limit, not before");
}

/* A replica that streams from another server is not missing. */
static void
test_elsewhere(void)
{
	RwServer   *report;
	RwServer   *other;

	section("a replica that streams from another server");

	reset_primary();
	add_replica("b");
	add_replica("a");
	world.replicas[1].generation = 5;
	world.link[1].lag = RW_HOUR;
	world.link[1].lag_bytes = 20000;
	goes_away(1, START - RW_HOUR);
	/* In order of name. */
	world.links.links = &world.link[1];
	world.links.nlinks = 1;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical", "missing");
	is_text(judge(RW_ALERT_REPLICA_SILENT), "unknown", "silent or not");
	is_text(judge(RW_ALERT_REPLICA_STALLED), "unknown", "stalled or not");
	is_text(judge(RW_ALERT_REPLICA_LAG), "critical critical", "late");

	other = streams_elsewhere("a", RW_HOUR + 3 * S);
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"another of that name has streamed there for longer");
	other->streaming_for = RW_HOUR;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "none none",
			"it streams there since");
	is_int(value(RW_ALERT_REPLICA_MISSING), RW_HOUR,
		   "the value is how long it has not streamed here");
	is_text(judge(RW_ALERT_REPLICA_SILENT), "none none",
			"it is not silent");
	is_text(judge(RW_ALERT_REPLICA_STALLED), "none none",
			"nor stalled");
	is_text(judge(RW_ALERT_REPLICA_LAG), "none none", "nor late");
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "none none, size",
			"nor behind");
	world.replicas[1].parted = RW_DIVERGED;
	is_text(judge(RW_ALERT_REPLICA_DIVERGED), "critical critical, pending",
			"but diverged, if it was");
	world.replicas[1].parted = RW_NOT_PARTED;
	expect("a");
	is_text(judge(RW_ALERT_REPLICA_MISSING), "none none",
			"also if it is expected");
	world.input.nexpected = 0;
	world.link[1].logical = true;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"a subscriber does not stream from a standby of this name");
	world.link[1].logical = false;
	other->seen_at = START - RW_MINUTE;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"nobody has said so lately");
	other->seen_at = START;
	other->state = RW_STATE_CATCHUP;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"it does not stream there yet");
	other->state = RW_STATE_STREAMING;
	world.link[1].sender = &world.senders[1];
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"it is connected here, and so not there");

	section("by its id");

	goes_away(1, START - RW_HOUR);
	rw_name_copy(other->label, "x");
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"under another name");
	report = &world.told[world.published.ntold++];
	report->parent = world.published.own_id;
	report->key = rw_replica_key(&world.published, &world.replicas[1]);
	report->id.part[0] = other->id.part[0] = 9;
	report->reported_at = START - RW_HOUR;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "none none",
			"which is the server that has reported here");
	report->key++;
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical",
			"as another replica");

	section("an expected one that was never here");

	reset_primary();
	expect("a");
	is_text(judge(RW_ALERT_REPLICA_MISSING), "critical critical", "missing");
	streams_elsewhere("a", 50 * RW_DAY);
	is_text(judge(RW_ALERT_REPLICA_MISSING), "none none",
			"it may stream elsewhere for ever");
}

static void
test_silent(void)
{
	const RwAlertKind alert = RW_ALERT_REPLICA_SILENT;
	RwLink	   *link;

	section("replica_silent");

	reset_primary();
	add_replica("a");
	link = &world.link[0];
	is_text(judge(alert), "none none", "it has just replied");
	link->last_seen = START - S;
	is_text(judge(alert), "none none", "a second ago");
	link->last_seen--;
	is_text(judge(alert), "none none, pending", "longer ago");
	link->last_seen = START - 35 * S;
	is_text(judge(alert), "none none, pending", "as long ago as is allowed");
	link->last_seen--;
	is_text(judge(alert), "warning warning, pending", "longer");
	is_int(value(alert), 35 * S + 1, "which is its value");
	is_text(judge_without(alert, RW_LIMIT_SILENT_TIMEOUT), "none none",
			"switched off");

	world.facts.sender_timeout_ms = 100000;
	is_text(judge(alert), "none none, pending",
			"never before half of wal_sender_timeout");
	is_int(subject_of(alert)->findings[rw_alert_place(alert)].limits[RW_SEVERITY_WARNING],
		   55 * S, "and five seconds, which are the limit then");
	link->last_seen = START - 55 * S - 1;
	is_text(judge(alert), "warning warning, pending", "after these");

	world.facts.sender_timeout_ms = 0;
	link->lag = 0;
	is_text(judge(alert), "none none",
			"without wal_sender_timeout no reply is due without WAL");
	link->lag = 36 * S;
	is_text(judge(alert), "warning warning, pending", "but with WAL it is");
	link->lag = -1;
	is_text(judge(alert), "warning warning, pending",
			"also where the lag is not known");

	link->state = RW_STATE_CATCHUP;
	is_text(judge(alert), "unknown", "it does not stream");
	link->state = RW_STATE_STREAMING;
	world.senders[0].reply_time = 0;
	is_text(judge(alert), "unknown", "it has never replied");
	goes_away(0, START);
	is_text(judge(alert), "unknown", "it is gone");
}

static void
test_stalled(void)
{
	const RwAlertKind alert = RW_ALERT_REPLICA_STALLED;
	RwReplica  *replica;
	RwLink	   *link;

	section("replica_stalled");

	reset_primary();
	replica = add_replica("a");
	link = &world.link[0];
	link->position = 1000;
	replica->replay_moved_at = START - RW_HOUR;
	is_text(judge(alert), "none none", "nothing to replay");
	link->lag_bytes = 1;
	link->lag = RW_HOUR;
	replica->replay_moved_at = START;
	is_text(judge(alert), "none none, progress", "it has just moved");
	replica->replay_moved_at = START - 60 * S + 1;
	is_text(judge(alert), "none none, pending, progress",
			"for less than the limit");
	replica->replay_moved_at = START - 60 * S;
	is_text(judge(alert), "warning warning, pending, progress", "as long");
	is_int(value(alert), 60 * S, "which is its value");
	replica->replay_moved_at = START - 300 * S;
	is_text(judge(alert), "critical critical, pending, progress",
			"five times as long");
	is_text(judge_without(alert, RW_LIMIT_STALL_TIMEOUT), "none none",
			"switched off");

	link->lag = 59 * S;
	is_text(judge(alert), "none none, pending, progress",
			"not longer than there was something to replay");
	link->lag = 60 * S;
	is_text(judge(alert), "warning warning, pending, progress", "from then");
	world.limits.of[RW_LIMIT_DELAY] = S;
	is_text(judge(alert), "none none, pending, progress",
			"what it lags on purpose does not count");
	link->lag = -1;
	is_text(judge(alert), "critical critical, pending, progress",
			"without a known lag, since it last moved");
	link->last_seen = START - 300 * S;
	is_text(judge(alert), "none none, progress",
			"up to its last reply: since then it may have moved");

	link->last_seen = START - 10 * S;
	link->lag = 69 * S;
	is_text(judge(alert), "none none, pending, progress",
			"its lag was less then");
	link->lag = 71 * S;
	is_int(value(alert), 60 * S, "by the age of the reply and the delay");
	link->last_seen = START;
	link->lag = 0;
	is_int(value(alert), -S, "it has just got something to replay");

	link->logical = true;
	is_text(judge(alert), "none none", "a subscriber does not replay");
	link->logical = false;
	link->state = RW_STATE_CATCHUP;
	is_text(judge(alert), "unknown", "it does not stream");
	goes_away(0, START);
	is_text(judge(alert), "unknown", "it is gone");

	section("replica_stalled by WAL that cannot be replayed");

	reset_primary();
	replica = add_replica("a");
	link = &world.link[0];
	goes_away(0, START - RW_HOUR);
	link->last_seen = START - 2 * S;
	link->position = replica->position = 1000;
	link->lag_bytes = 100;
	link->lag = RW_HOUR;
	replica->sent = 1100;
	replica->replay_moved_at = START - 62 * S;
	rw_attempts_add(&replica->attempts, START);
	is_text(judge(alert), "unknown", "one attempt may be a restart");
	rw_attempts_add(&replica->attempts, START);
	is_text(judge(alert), "warning warning, pending, progress",
			"it comes again and again and replays nothing");
	is_int(value(alert), 60 * S, "since then, up to its last reply");
	replica->replay_moved_at = START - RW_HOUR;
	is_text(judge(alert), "critical critical, pending, progress", "for long");
	replica->sent = 1000;
	is_text(judge(alert), "unknown", "it was not sent any");
	replica->sent = 1100;
	replica->parted = RW_AHEAD;
	is_text(judge(alert), "unknown", "it has other WAL");
}

static void
test_diverged(void)
{
	const RwAlertKind alert = RW_ALERT_REPLICA_DIVERGED;
	RwReplica  *replica;
	RwUpstream *upstream = &world.published.upstream;

	section("replica_diverged");

	reset_primary();
	replica = add_replica("a");
	is_text(judge(alert), "none none", "it has our WAL");
	for (RwParted parted = RW_AHEAD; parted <= RW_LEFT_BEHIND; parted++)
	{
		replica->parted = parted;
		is_text(judge(alert), "critical critical, pending", "it has not");
	}
	goes_away(0, START);
	is_text(judge(alert), "critical critical, pending", "gone or not");
	is_text(judge(RW_ALERT_REPLICA_MISSING), "none critical",
			"it is missing only when it is gone for long");
	reset_primary();
	expect("a");
	is_text(judge(alert), "none none", "one that was never here");

	world.facts.in_recovery = world.memory.in_recovery = true;
	replica = add_replica("a");
	replica->parted = RW_AHEAD;
	is_text(judge(alert), "none none", "ahead of a server in recovery");
	replica->parted = RW_DIVERGED;
	is_text(judge(alert), "critical critical, pending",
			"diverged from a server in recovery");

	section("replica_diverged on the standby itself");

	reset_standby();
	is_text(judge(RW_ALERT_SELF_DIVERGED), "none none", "it follows");
	upstream->parted = RW_DIVERGED;
	is_text(judge(RW_ALERT_SELF_DIVERGED), "critical critical, pending",
			"diverged");
	upstream->parted = RW_LEFT_BEHIND;
	is_text(judge(RW_ALERT_SELF_DIVERGED), "critical critical, pending",
			"left behind");
	upstream->parted = RW_AHEAD;
	is_text(judge(RW_ALERT_SELF_DIVERGED), "none none",
			"ahead of another server, which may only be behind");
	upstream->lost_wal = true;
	is_text(judge(RW_ALERT_SELF_DIVERGED), "critical critical, pending",
			"ahead of the server that it came from");
	world.facts.in_recovery = world.memory.in_recovery = false;
	is_text(judge(RW_ALERT_SELF_DIVERGED), "none none", "a primary");
}

/*
 * A replica that connects every five seconds and gets nowhere, in simulated
 * time: from the worker's rounds, which see an attempt or not, to what becomes
 * of its alerts.
 */
enum
{
	NEVER_REPLIES, BROKEN_WAL, DIVERGED_STREAM, REFUSED, KINDS
};

#define FORK			UINT64CONST(5000)
#define HOLD			(5 * S)
#define BEGINS_AT		(-100 * 1000)	/* milliseconds */
#define RETURNS_AT		(400 * 1000)
#define ENDS_AT			(430 * 1000)

typedef struct Course
{
	int			raised;			/* changes of replica_missing */
	int			other;			/* but for cleared */
	int			cleared;
	int			raised_ms;
	int			cleared_ms;
	int			diverged;		/* how often replica_diverged was raised */
	int			forgiven;		/* and cleared before it is back */
} Course;

static void
come_and_go(int kind, uint64 seed, Course *course)
{
	static RwTimeline timeline = {2, {{1, FORK}, {2, PG_UINT64_MAX}}};
	RwAlertState missing = {0};
	RwAlertState diverged = {0};
	RwReplicaEvents events;
	RwSenderFacts *sender = &world.senders[0];
	uint64		phase = seed;
	bool		connected = true;
	int			ends_at = 0;
	int			next_round = BEGINS_AT;
	RwSeenEnd	ended = {0};
	int			nended = 0;

	memset(course, 0, sizeof(Course));
	reset_primary();
	world.published.max_replicas = lengthof(world.replicas);
	world.facts.horizon = 1000;
	for (int ms = BEGINS_AT; ms < ENDS_AT; ms++)
	{
		RwSeen		seen = {0};
		bool		in_vain = ms >= 0 && ms < RETURNS_AT;
		RwRound		round = {.seen = &seen,.ended = &ended};

		if (ms == BEGINS_AT || (ms >= 0 && ms % 5000 == 0 && ms <= RETURNS_AT))
		{
			connected = true;
			if (in_vain)
				ends_at = ms + 1 + next_random(&phase) % 600;
			memset(sender, 0, sizeof(RwSenderFacts));
			sender->pid = ms + 200000;
			sender->state = kind == REFUSED && in_vain ?
				RW_SENDER_STARTUP : RW_SENDER_STREAMING;
			sender->slot = -1;
			strcpy(sender->name, "a");
			strcpy(sender->peer.application_name, "a");
			if (kind != NEVER_REPLIES || !in_vain)
			{
				sender->sent = in_vain && kind == DIVERGED_STREAM ?
					FORK : world.facts.horizon;
				sender->write = sender->flush = sender->sent;
				sender->replay = !in_vain ? sender->sent :
					kind == DIVERGED_STREAM ? FORK + 100 : 900;
				sender->reply_time = ms + 200000;
			}
			sender->replica = sender->replay != 0 || kind == NEVER_REPLIES;
			if (kind == REFUSED && in_vain)
				sender->replica = false;
		}
		if (!in_vain && connected && ms % 1000 == 0)
		{
			sender->sent = sender->write = sender->flush = world.facts.horizon;
			sender->replay = world.facts.horizon;
			sender->reply_time++;
		}
		if (ms == 0)
			world.facts.horizon = FORK + 500;
		if (ms % 1000 == 0)
			world.facts.horizon += 10;

		if (in_vain && connected && ms >= ends_at)
		{
			strcpy(ended.application_name, "a");
			ended.pid = sender->pid;
			ended.sent = sender->sent;
			ended.replay = sender->replay;
			ended.flush = sender->flush;
			if (kind == REFUSED)
			{
				ended.sent = ended.replay = ended.flush = 0;
				ended.start = FORK - 500;
				ended.start_tli = 1;
			}
			nended = 1;
			connected = false;
		}
		if (ms < next_round)
			continue;
		next_round = ms + 100 + next_random(&phase) % 150;

		world.facts.now = START + ms * RW_MS;
		world.facts.nsenders = connected ? 1 : 0;
		round.now = world.facts.now;
		round.own = (RwOwnWal) {world.facts.horizon, false, 2, &timeline, 16777216};
		round.known_after = RW_MINUTE;
		if (connected && sender->replica)
		{
			round.nseen = 1;
			strcpy(seen.name, "a");
			strcpy(seen.application_name, "a");
			seen.pid = sender->pid;
			seen.streaming = sender->state == RW_SENDER_STREAMING;
			seen.sent = sender->sent;
			seen.write = sender->write;
			seen.flush = sender->flush;
			seen.replay = sender->replay;
			seen.reply_time = sender->reply_time;
		}
		round.nended = nended;
		nended = 0;
		rw_replicas_update(world.replicas, lengthof(world.replicas), &round,
						   &events);
		world.links.nlinks = 0;
		rw_add_rows(&world.facts, &world.links);
		judge_world();
		for (int i = 0; i < world.nsubjects; i++)
		{
			const RwSubject *subject = &world.subjects[i];
			const RwFinding *findings = subject->findings;
			int			at = rw_alert_place(RW_ALERT_REPLICA_MISSING);
			RwChange	change;

			if (subject->class != RW_SUBJECT_REPLICA)
				continue;
			change = rw_alert_step(&missing, &findings[at].judged, HOLD,
								   world.facts.now);
			course->raised += change == RW_CHANGE_RAISED;
			course->cleared += change == RW_CHANGE_CLEARED;
			course->other += change == RW_CHANGE_ESCALATED ||
				change == RW_CHANGE_EASED;
			if (change == RW_CHANGE_RAISED)
				course->raised_ms = ms;
			else if (change == RW_CHANGE_CLEARED)
				course->cleared_ms = ms;
			at = rw_alert_place(RW_ALERT_REPLICA_DIVERGED);
			change = rw_alert_step(&diverged, &findings[at].judged, HOLD,
								   world.facts.now);
			course->diverged += change == RW_CHANGE_RAISED;
			course->forgiven += change == RW_CHANGE_CLEARED && in_vain;
		}
	}
}

static void
test_in_vain(void)
{
	int			wrong = 0;
	int			diverged = 0;
	int			forgiven = 0;

	section("a replica that comes again and again in vain");

	for (int kind = 0; kind < KINDS; kind++)
	{
		for (uint64 seed = 1; seed <= 25; seed++)
		{
			Course		course;

			come_and_go(kind, seed, &course);
			wrong += course.raised != 1 || course.other != 0 ||
				course.cleared != 1 ||
				course.raised_ms < 120 * 1000 ||
				course.raised_ms > 140 * 1000 ||
				course.cleared_ms < RETURNS_AT;
			diverged += course.diverged == (kind == DIVERGED_STREAM ? 1 : 0);
			forgiven += course.forgiven;
		}
	}
	is_int(wrong, 0,
		   "is missing once, in time, until it is back, in whatever phase");
	is_int(diverged, 25 * KINDS, "and has diverged once, or not");
	is_int(forgiven, 0, "until it has not");
}

static void
test_lag(void)
{
	const RwAlertKind alert = RW_ALERT_REPLICA_LAG;
	RwLink	   *link;

	section("replica_lag");

	reset_primary();
	add_replica("a");
	link = &world.link[0];
	is_text(judge(alert), "none none", "no lag");
	link->lag = 15 * S;
	is_text(judge(alert), "none warning", "half the limit keeps it");
	link->lag = 30 * S;
	is_text(judge(alert), "none warning", "the limit");
	link->lag++;
	is_text(judge(alert), "warning warning", "above it");
	link->lag = 300 * S + 1;
	is_text(judge(alert), "critical critical", "above the other");
	is_int(value(alert), 300 * S + 1, "which is its value");
	is_text(judge_without(alert, RW_LIMIT_LAG_WARNING),
			"critical critical, no warnings", "no warnings");
	is_text(judge_without(alert, RW_LIMIT_LAG_CRITICAL), "warning warning",
			"nothing critical");
	world.limits.of[RW_LIMIT_DELAY] = 300 * S;
	is_text(judge(alert), "none none", "lag on purpose is none");
	is_int(value(alert), 1, "but what is beyond that");
	world.limits.of[RW_LIMIT_DELAY] = RW_HOUR;
	is_int(value(alert), 0, "and never less than nothing");
	world.limits.of[RW_LIMIT_DELAY] = 0;
	link->lag = -1;
	is_text(judge(alert), "unknown", "not known");

	section("lag of a replica that is away");

	link->lag = RW_HOUR;
	goes_away(0, START - 119 * S);
	is_text(judge(alert), "unknown", "soon back, it has not fallen behind");
	goes_away(0, START - 120 * S);
	is_text(judge(alert), "critical critical", "later it has");
	is_text(judge_without(alert, RW_LIMIT_MISSING_TIMEOUT),
			"critical critical", "at once, if it is not missed");

	reset_primary();
	add_replica("a")->known = false;
	expect("a");
	world.link[0].lag = RW_HOUR;
	is_text(judge(alert), "unknown", "an expected one may be catching up");
	reset_primary();
	expect("a");
	is_text(judge(alert), "none none", "one that was never here has no lag");

	section("replica_lag_bytes");

	reset_primary();
	add_replica("a");
	link = &world.link[0];
	link->lag_bytes = 1000;
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "none warning, size",
			"the limit");
	link->lag_bytes++;
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "warning warning, size",
			"above it");
	is_text(judge_without(RW_ALERT_REPLICA_LAG_BYTES,
						  RW_LIMIT_LAG_BYTES_WARNING),
			"none none, no warnings, size", "no warnings");
	link->lag_bytes = 10001;
	link->lag = 30 * S;
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "warning critical, size",
			"much, for a short time");
	is_text(judge_without(RW_ALERT_REPLICA_LAG_BYTES,
						  RW_LIMIT_LAG_BYTES_WARNING),
			"none critical, no warnings, size", "which is nothing then");
	link->lag++;
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "critical critical, size",
			"for longer than lag_warning");
	link->lag_bytes = -1;
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "unknown, size", "not known");
	link->lag_bytes = 10001;
	goes_away(0, START);
	is_text(judge(RW_ALERT_REPLICA_LAG_BYTES), "unknown, size",
			"soon back, it has not fallen behind");
}

static void
test_slots(void)
{
	RwSlotNote *note;
	RwSlotFacts *slot = &world.slots[0];
	RwLink	   *link = &world.link[0];

	section("slot_lost");

	reset_primary();
	note = add_slot("s");
	link->retained_bytes = 77;
	is_text(judge(RW_ALERT_SLOT_LOST), "none none, size", "it is not lost");
	slot->wal_status = RW_WAL_LOST;
	is_text(judge(RW_ALERT_SLOT_LOST), "critical critical, size", "it is");
	is_int(value(RW_ALERT_SLOT_LOST), 77, "what it retained is the value");
	slot->wal_status = RW_WAL_UNRESERVED;
	is_text(judge(RW_ALERT_SLOT_LOST), "none none, size",
			"beyond its limit it is not lost yet");
	slot->invalidation = "wal_removed";
	is_text(judge(RW_ALERT_SLOT_LOST), "critical critical, size",
			"but it is, if a replica streams through a dead slot");
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"which is not at risk");
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none", "nor inactive");

	section("slot_at_risk, for time");

	reset_primary();
	note = add_slot("s");
	slot->limited = true;
	slot->safe_wal_size = 100;
	link->retained_bytes = 101;
	link->slot_time_left = 3600 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none warning", "the limit");
	link->slot_time_left--;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning", "below it");
	is_int(value(RW_ALERT_SLOT_AT_RISK), 3600 * S - 1, "which is its value");
	is_text(judge_without(RW_ALERT_SLOT_AT_RISK, RW_LIMIT_SLOT_TIME_LEFT),
			"none none", "switched off");
	link->slot_time_left = 7200 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none warning", "twice the limit");
	link->slot_time_left++;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "above that");
	link->slot_time_left = -1;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "unknown",
			"no WAL is written: that is no rescue");
	link->slot_time_left = 0;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning", "no time left");
	link->slot_time_left = S;
	link->retained_bytes = 100;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"less than half is used up");
	note->moved_at = START - 120 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"its consumer confirms much at a time");
	slot->active_pid = 0;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning",
			"nobody uses it, and it does not move");
	note->moved_at++;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "for long enough");
	note->moved_at = START - RW_HOUR;
	world.memory.watching_since = START - 119 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "while watched");
	link->retained_bytes = 101;
	slot->limited = false;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "it is not limited");

	section("slot_at_risk, unreserved");

	slot->wal_status = RW_WAL_UNRESERVED;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "critical critical", "critical");
	is_text(judge_without(RW_ALERT_SLOT_AT_RISK, RW_LIMIT_SLOT_TIME_LEFT),
			"none none", "switched off");
	slot->wal_status = RW_WAL_LOST;
	slot->limited = true;
	world.limits.of[RW_LIMIT_SLOT_RETAINED] = 10;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "lost is lost");

	section("slot_at_risk, for want of use");

	reset_primary();
	note = add_slot("s");
	world.facts.idle_slot_timeout_s = 7200;
	link->slot_time_left = link->slot_idle_left = 3599 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning", "unused");
	is_int(value(RW_ALERT_SLOT_AT_RISK), 3599 * S, "for how long it may be");
	link->slot_time_left = 10;
	is_int(value(RW_ALERT_SLOT_AT_RISK), 3599 * S,
		   "what it retains is not judged yet");
	slot->limited = true;
	link->retained_bytes = 101;
	is_int(value(RW_ALERT_SLOT_AT_RISK), 10, "now it is");
	slot->limited = false;
	link->slot_idle_left = 3600 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none warning", "the limit");
	is_text(judge_without(RW_ALERT_SLOT_AT_RISK, RW_LIMIT_SLOT_TIME_LEFT),
			"none none", "switched off");
	link->slot_idle_left = (7200 - 120) * S + 1;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"its replica may be restarting");
	link->slot_idle_left--;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none warning", "no longer");
	world.facts.idle_slot_timeout_s = 100;
	link->slot_idle_left = 50 * S + 1;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"less than half of a short time is over");
	link->slot_idle_left--;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning", "half is");
	link->slot_idle_left = 0;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning", "all is");

	section("slot_at_risk of a standby's copy");

	reset_standby();
	note = add_slot("s");
	slot = &world.slots[1];
	link = &world.link[1];
	world.limits.of[RW_LIMIT_SLOT_RETAINED] = 1000;
	link->retained_bytes = 1001;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "somebody moves it");
	note->moved_at = START - 120 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning, size",
			"nobody does");
	world.memory.watching_since = START - 119 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"after a start they may not have got to it");
	world.memory.watching_since = START - WATCHED;
	note->moved_at = START;
	slot->sender = 0;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning, size",
			"it is used here");
	slot = &world.slots[0];
	link = &world.link[0];

	section("slot_at_risk, for size");

	reset_primary();
	add_slot("s");
	world.limits.of[RW_LIMIT_SLOT_RETAINED] = 1000;
	link->retained_bytes = 1000;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none warning", "the limit");
	link->retained_bytes = 1001;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning, size", "above");
	is_int(value(RW_ALERT_SLOT_AT_RISK), 1001, "which is its value then");
	is_text(judge_without(RW_ALERT_SLOT_AT_RISK, RW_LIMIT_SLOT_RETAINED),
			"none none", "switched off");
	is_text(judge_without(RW_ALERT_SLOT_AT_RISK, RW_LIMIT_SLOT_TIME_LEFT),
			"warning warning, size", "it needs no other limit");
	slot->limited = true;
	link->slot_time_left = 3600 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning, size",
			"with time enough");
	link->slot_time_left = 0;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning",
			"little time is worse");
	slot->wal_status = RW_WAL_UNRESERVED;
	link->slot_time_left = -1;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "critical critical",
			"and unreserved is");
	link->retained_bytes = 499;
	slot->wal_status = RW_WAL_RESERVED;
	slot->limited = false;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none", "below half");

	section("slot_inactive");

	reset_primary();
	note = add_slot("s");
	link->retained_bytes = 1;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none", "it moves");
	is_text(judge_without(RW_ALERT_SLOT_INACTIVE,
						  RW_LIMIT_SLOT_INACTIVE_TIMEOUT),
			"none none, no warnings", "or that is switched off");
	note->moved_at = START - 900 * S + 1;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none",
			"it has stayed for less than the limit");
	note->moved_at--;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "warning warning",
			"for as long, although it is used");
	is_int(value(RW_ALERT_SLOT_INACTIVE), 900 * S, "which is its value");
	note->report_due = true;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none warning",
			"unless its consumer may be about to report");
	note->report_due = false;
	slot->active_pid = 0;
	note->inactive_since = START;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "warning warning",
			"its consumer has gone, which changes nothing");
	is_text(judge_without(RW_ALERT_SLOT_INACTIVE,
						  RW_LIMIT_SLOT_INACTIVE_TIMEOUT),
			"none none, no warnings", "switched off");
	note->moved_at = START - RW_DAY;
	world.memory.watching_since = START - 899 * S;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none warning",
			"what was before it was watched does not raise it, nor clear it");
	is_int(value(RW_ALERT_SLOT_INACTIVE), RW_DAY, "but is its value");
	world.memory.watching_since = START - WATCHED;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "warning warning", "a day");
	world.facts.in_recovery = true;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "warning warning",
			"on a standby it is the same");
	world.facts.in_recovery = false;
	link->retained_bytes = 0;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none warning",
			"it retains nothing, as far as a starting standby has got");
	link->retained_bytes = -1;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none", "or nobody knows");
	link->retained_bytes = 1;
	note->for_backup = true;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none",
			"it waits for a standby to start");
	note->for_backup = false;
	slot->wal_status = RW_WAL_LOST;
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none", "it is lost");
	slot->wal_status = RW_WAL_RESERVED;
	note->name[0] = '\0';
	is_text(judge(RW_ALERT_SLOT_INACTIVE), "none none", "it has no note yet");
}

/* A commit that waits, with as many standbys as are needed. */
static void
test_hanging_commit(void)
{
	reset_primary();
	world.node.sync.wanted = world.node.sync.connected = 1;
	world.node.sync.waiting = 1;
	world.input.hold = 6 * S;
	world.memory.sync.since = START;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "a commit begins to wait");
	world.memory.sync.since = START - 3 * S;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "for half the hold time");
	is_int(value(RW_ALERT_SYNC_SHORT), 1, "the value is of standbys");
	world.memory.sync.since--;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none critical", "for more of it");
	world.memory.sync.since = START - 6 * S;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none critical", "for all of it");
	world.memory.sync.since--;
	is_text(judge(RW_ALERT_SYNC_SHORT), "critical critical, held",
			"for longer than that");
	is_int(value(RW_ALERT_SYNC_SHORT), 6 * S + 1, "the value is its time");
	is_int(subject_of(RW_ALERT_SYNC_SHORT)->
		   findings[rw_alert_place(RW_ALERT_SYNC_SHORT)].limits[RW_SEVERITY_WARNING], 6 * S,
		   "the hold time is the limit");
	world.node.sync.wanted = 2;
	is_text(judge(RW_ALERT_SYNC_SHORT), "critical critical, held",
			"too few standbys, too");
	is_int(value(RW_ALERT_SYNC_SHORT), 1, "the value is of standbys again");
	world.input.hold = 0;
	world.node.sync.wanted = 1;
	is_text(judge(RW_ALERT_SYNC_SHORT), "critical critical, held",
			"without a hold time");
	world.memory.sync.since = START;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none",
			"seen only once, without a hold time");
}

/*
 * A tenth of a second later, commits with these LSNs wait.  Returns the
 * severity with which the alert fires then.
 */
static RwSeverity
wait_on(RwAlertState *state, XLogRecPtr first, XLogRecPtr last)
{
	RwSyncQueue *queue = &world.node.sync_queues.stages[RW_SYNC_FLUSH];
	const RwFinding *finding;

	world.facts.now += S / 10;
	queue->first = first;
	queue->last = last;
	world.node.sync.waiting = first != 0;
	(void) rw_judge_remember(&world.memory, &world.facts, &world.node);
	judge_world();
	finding = &subject_of(RW_ALERT_SYNC_SHORT)->
		findings[rw_alert_place(RW_ALERT_SYNC_SHORT)];
	(void) rw_alert_step(state, &finding->judged, world.input.hold,
						 world.facts.now);
	return state->severity;
}

/* From the looks to the alert, with a hold time of 5 s. */
static void
test_waiting_commits(void)
{
	RwAlertState state = {0};
	int			fired = 0;
	int			looks;
	XLogRecPtr	lsn = 1000;

	section("sync_short: from looks to the alert");

	reset_primary();
	world.input.hold = 5 * S;
	world.node.sync.wanted = world.node.sync.connected = 1;
	for (int i = 0; i < 6000; i++, lsn += 10)
		fired += wait_on(&state, lsn, lsn + 15) != RW_SEVERITY_NONE;
	is_int(fired, 0, "ten minutes of quick commits do not raise it");

	for (int i = 0; i < 20; i++, lsn += 10)
	{
		for (int j = 0; j <= 49; j++)
			fired += wait_on(&state, lsn, lsn) != RW_SEVERITY_NONE;
	}
	is_int(fired, 0, "nor do short hangs, one after the other");

	for (looks = 0; looks < 100; looks++)
	{
		if (wait_on(&state, lsn, lsn + looks) != RW_SEVERITY_NONE)
			break;
	}
	is_int(looks, 51, "a commit that hangs does after the hold time");
	is_int(state.severity, RW_SEVERITY_CRITICAL, "it is critical");

	/* Commits are slow from now on, and slower than half the hold time. */
	for (int i = 0; i < 600; i++, lsn += 10)
		fired += wait_on(&state, lsn, lsn + 300) == RW_SEVERITY_NONE;
	is_int(fired, 0, "slow commits keep it");

	for (looks = 1; looks < 100; looks++, lsn += 10)
	{
		if (wait_on(&state, lsn + 400, lsn + 405) == RW_SEVERITY_NONE)
			break;
	}
	is_int(looks, 51, "quick ones clear it after the hold time");
	for (looks = 0; looks < 600; looks++)
		fired += wait_on(&state, 0, 0) != RW_SEVERITY_NONE;
	is_int(fired, 0, "nobody waits");
}

/* The last gap has ended so long ago. */
static void
resumed(RwTime ago)
{
	world.facts.watch.resumed_at = world.facts.now - ago;
}

/*
 * How it is judged once a gap has ended: at first, at the warning limit, at the
 * critical one.
 */
static void
judge_after_gap(const char *name, RwAlertKind alert, RwTime warning,
				RwTime critical, const char *keep)
{
	char		expected[80];

	resumed(WATCHED);
	snprintf(expected, sizeof(expected), "%s %s",
			 critical ? "critical" : "warning", keep);
	is_text(judge(alert), expected, name);
	resumed(0);
	snprintf(expected, sizeof(expected), "none %s", keep);
	is_text(judge(alert), expected, "is not raised by a gap");
	resumed(warning - 1);
	is_text(judge(alert), expected, "nor for as long as its limit");
	resumed(warning);
	snprintf(expected, sizeof(expected), "%s %s",
			 critical == warning ? "critical" : "warning", keep);
	is_text(judge(alert), expected, "but then");
	if (critical > warning)
	{
		resumed(critical - 1);
		is_text(judge(alert), expected, "not worse");
		resumed(critical);
		snprintf(expected, sizeof(expected), "critical %s", keep);
		is_text(judge(alert), expected, "before that limit has passed, too");
	}
}

/* All was as it is before a night in which nobody watched. */
static void
test_gap(void)
{
	RwTime		before = START - 8 * RW_HOUR;
	RwSlotNote *note;

	section("after a gap: replicas");
	reset_primary();
	add_replica("a");
	add_replica("b");
	world.link[0].lag = 8 * RW_HOUR;
	world.link[0].lag_bytes = 500;
	judge_after_gap("replica_lag", RW_ALERT_REPLICA_LAG, 30 * S, 300 * S,
					"critical");
	world.replicas[0].replay_moved_at = before;
	world.link[0].position = 5;
	judge_after_gap("replica_stalled", RW_ALERT_REPLICA_STALLED, 60 * S,
					300 * S, "critical, pending, progress");
	world.link[0].last_seen = before;
	judge_after_gap("replica_silent", RW_ALERT_REPLICA_SILENT, 35 * S, 0,
					"warning, pending");
	goes_away(0, before);
	judge_after_gap("replica_missing", RW_ALERT_REPLICA_MISSING, 120 * S, 0,
					"warning");
	is_int(value(RW_ALERT_REPLICA_MISSING), 8 * RW_HOUR,
		   "the value is how long it really was");

	section("after a gap: slots");
	reset_primary();
	note = add_slot("s");
	note->moved_at = before;
	world.link[0].retained_bytes = 5;
	judge_after_gap("slot_inactive", RW_ALERT_SLOT_INACTIVE, 900 * S, 0,
					"warning");
	resumed(0);
	world.slots[0].wal_status = RW_WAL_UNRESERVED;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "critical critical",
			"one that is about to be lost is at risk at once");
	world.slots[0].wal_status = RW_WAL_RESERVED;
	world.slots[0].active_pid = 0;
	world.slots[0].limited = true;
	world.slots[0].safe_wal_size = 1000;
	world.link[0].slot_time_left = 60 * S;
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "none none",
			"one that nobody uses is not, at once");
	resumed(120 * S);
	is_text(judge(RW_ALERT_SLOT_AT_RISK), "warning warning",
			"but after the limit of a replica's absence");

	section("after a gap: the server");
	reset_primary();
	waits_for_archive(before);
	judge_after_gap("archiver_failing", RW_ALERT_ARCHIVER_FAILING, 310 * S, 0,
					"warning");
	world.node.sync.wanted = world.node.sync.connected = 1;
	world.node.sync.waiting = 1;
	world.input.hold = 6 * S;
	world.memory.sync.since = before;
	resumed(6 * S);
	is_text(judge(RW_ALERT_SYNC_SHORT), "none critical",
			"a commit that waits since then is no reason yet");
	resumed(6 * S + 1);
	is_text(judge(RW_ALERT_SYNC_SHORT), "critical critical, held",
			"but once it has waited for the hold time");
	world.memory.sync.since = RW_NEVER;
	world.facts.standby_slot.fault = RW_STANDBY_SLOT_BEHIND;
	world.memory.standby_slot.since = before;
	resumed(6 * S);
	is_text(judge(RW_ALERT_SYNC_SHORT), "none warning",
			"likewise a slot that logical replication waits for");
	resumed(6 * S + 1);
	is_text(judge(RW_ALERT_SYNC_SHORT), "warning warning, held", "and then");

	section("after a gap: a standby");
	reset_standby();
	world.published.upstream.down_since = before;
	judge_after_gap("upstream_down", RW_ALERT_UPSTREAM_DOWN, 50 * S, 250 * S,
					"critical, pending");
	world.link[0].lag = 8 * RW_HOUR;
	resumed(49 * S);
	is_text(judge(RW_ALERT_SELF_LAG), "unknown",
			"that nobody was heard of is for upstream_down");
	resumed(50 * S);
	is_text(judge(RW_ALERT_SELF_LAG), "warning critical", "in its time");
	world.published.upstream.down_since = RW_NEVER;
	world.link[0].lag_bytes = 5;
	judge_after_gap("self_lag", RW_ALERT_SELF_LAG, 30 * S, 300 * S,
					"critical");
	world.published.upstream.paused_since = before;
	judge_after_gap("replay_paused", RW_ALERT_REPLAY_PAUSED, 60 * S, 0,
					"warning, pending");
}

static void
test_primary(void)
{
	section("sync_short");

	reset_primary();
	world.node.sync.wanted = world.node.sync.connected = 2;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "enough");
	is_int(value(RW_ALERT_SYNC_SHORT), 2, "how many there are");
	world.node.sync.waiting = 5;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "commits wait a little");
	world.node.sync.connected = 1;
	is_text(judge(RW_ALERT_SYNC_SHORT), "critical critical",
			"too few, and commits wait");
	world.node.sync.waiting = 0;
	is_text(judge(RW_ALERT_SYNC_SHORT), "warning warning", "too few");
	is_int(subject_of(RW_ALERT_SYNC_SHORT)->
		   findings[rw_alert_place(RW_ALERT_SYNC_SHORT)].limits[RW_SEVERITY_WARNING], 2,
		   "how many are needed is the limit");
	world.node.sync.wanted = 0;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "none is needed");
	for (RwStandbySlotFault fault = RW_STANDBY_SLOT_ABSENT;
		 fault < RW_STANDBY_SLOT_BEHIND; fault++)
	{
		world.facts.standby_slot.fault = fault;
		is_text(judge(RW_ALERT_SYNC_SHORT), "warning warning",
				"a slot that can't get further is waited for");
	}
	world.facts.standby_slot.fault = RW_STANDBY_SLOT_BEHIND;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "one that is behind");
	world.input.hold = 5 * S;
	world.memory.standby_slot.since = START - 5 * S;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none",
			"it has not moved for the hold time");
	world.memory.standby_slot.since--;
	is_text(judge(RW_ALERT_SYNC_SHORT), "warning warning, held",
			"and for longer");
	test_hanging_commit();
	test_waiting_commits();
	section("sync_short: on a standby");
	reset_standby();
	world.node.sync.wanted = 1;
	is_text(judge(RW_ALERT_SYNC_SHORT), "none none", "a standby needs none");

	section("archiver_failing");

	reset_primary();
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "none none", "nothing waits");
	is_int(value(RW_ALERT_ARCHIVER_FAILING), -1, "which has no value");
	waits_for_archive(START - 310 * S + 1);
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "none none",
			"a segment waits, not for long");
	is_int(value(RW_ALERT_ARCHIVER_FAILING), 310 * S - 1,
		   "which is its value");
	waits_for_archive(START - 310 * S);
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "warning warning", "for long");
	is_text(judge_without(RW_ALERT_ARCHIVER_FAILING,
						  RW_LIMIT_ARCHIVER_FAILING_TIMEOUT),
			"none none, no warnings", "switched off");
	waits_for_archive(START - 309 * S);
	world.facts.now += 2 * S;
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "none none",
			"only what was looked at counts");
	waits_for_archive(START + S);
	is_int(value(RW_ALERT_ARCHIVER_FAILING), 0, "never negative");
	waits_for_archive(START - RW_HOUR);
	strcpy(world.archive.first[RW_ARCHIVE_OTHER].name, "00000002.history");
	world.archive.first[RW_ARCHIVE_OTHER].since = START - S;
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "warning warning",
			"a new file goes before the oldest");
	world.archive.known = false;
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "unknown",
			"archive_status can't be read");
	is_text(judge_without(RW_ALERT_ARCHIVER_FAILING,
						  RW_LIMIT_ARCHIVER_FAILING_TIMEOUT),
			"none none, no warnings", "and nobody wants to know");
	memset(&world.archive, 0, sizeof(world.archive));
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "unknown",
			"before the first look");
	world.archive.looked_at = START;
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "none none",
			"this server does not archive");
	reset_standby();
	waits_for_archive(START - RW_HOUR);
	is_text(judge(RW_ALERT_ARCHIVER_FAILING), "warning warning",
			"a standby archives, too");
}

static void
test_standby(void)
{
	RwUpstream *upstream = &world.published.upstream;
	RwLink	   *link = &world.link[0];

	section("upstream_down");

	reset_standby();
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "none none", "it streams");
	upstream->down_since = START;
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "none critical, pending",
			"it has just ended");
	upstream->down_since = START - 50 * S;
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "warning critical, pending",
			"down for the limit");
	upstream->down_since = START - 250 * S;
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "critical critical, pending",
			"for five times as long");
	is_int(value(RW_ALERT_UPSTREAM_DOWN), 250 * S, "which is its value");
	is_text(judge_without(RW_ALERT_UPSTREAM_DOWN, RW_LIMIT_UPSTREAM_TIMEOUT),
			"none none, no warnings", "switched off");
	world.facts.receiver.has_conninfo = false;
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "none none",
			"it is not to stream");
	reset_primary();
	upstream->down_since = START - RW_HOUR;
	world.facts.receiver.has_conninfo = true;
	is_text(judge(RW_ALERT_UPSTREAM_DOWN), "none none", "a primary");

	section("replay_paused");

	reset_standby();
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none none", "it is not");
	upstream->paused_since = START - RW_HOUR;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none none",
			"it has nothing to replay");
	link->lag_bytes = 1;
	is_int(value(RW_ALERT_REPLAY_PAUSED), 0, "it has just got something");
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none warning, pending",
			"which is a beginning");
	link->lag = 59 * S;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none warning, pending",
			"it has had nothing to replay for long");
	link->lag = 60 * S;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "warning warning, pending",
			"it has");
	is_int(value(RW_ALERT_REPLAY_PAUSED), 60 * S, "which is its value");
	link->lag = -1;
	is_int(value(RW_ALERT_REPLAY_PAUSED), RW_HOUR,
		   "without a known lag, since it was paused");
	link->lag_bytes = 0;
	link->lag = 70 * S;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none none", "it has all");
	link->state = RW_STATE_ARCHIVE;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "warning warning, pending",
			"the archive may have more");
	is_text(judge_without(RW_ALERT_REPLAY_PAUSED, RW_LIMIT_STALL_TIMEOUT),
			"none none, no warnings", "switched off");
	reset_primary();
	upstream->paused_since = START - RW_HOUR;
	is_text(judge(RW_ALERT_REPLAY_PAUSED), "none none", "a primary");

	section("self_lag");

	reset_standby();
	is_text(judge(RW_ALERT_SELF_LAG), "none none", "no lag");
	link->lag = 30 * S + 1;
	link->lag_bytes = 1;
	is_text(judge(RW_ALERT_SELF_LAG), "warning warning", "above the limit");
	link->lag = 300 * S + 1;
	is_text(judge(RW_ALERT_SELF_LAG), "critical critical", "the other one");
	is_int(value(RW_ALERT_SELF_LAG), 300 * S + 1, "which is its value");
	is_text(judge_without(RW_ALERT_SELF_LAG, RW_LIMIT_LAG_CRITICAL),
			"warning warning", "nothing critical");
	is_text(judge_without(RW_ALERT_SELF_LAG, RW_LIMIT_LAG_WARNING),
			"critical critical, no warnings", "no warnings");
	world.facts.recovery.apply_delay_ms = 300 * 1000;
	is_text(judge(RW_ALERT_SELF_LAG), "none none",
			"less recovery_min_apply_delay");
	world.facts.recovery.apply_delay_ms = 0;
	upstream->settled = false;
	is_text(judge(RW_ALERT_SELF_LAG), "unknown", "it has not settled yet");
	upstream->settled = true;
	link->lag_bytes = 0;
	is_text(judge(RW_ALERT_SELF_LAG), "critical critical",
			"it lacks nothing that it knows of");
	upstream->down_since = START - 49 * S;
	is_text(judge(RW_ALERT_SELF_LAG), "unknown",
			"and the upstream server has been silent for a moment");
	upstream->down_since = START - 50 * S;
	is_text(judge(RW_ALERT_SELF_LAG), "critical critical", "for longer");
	link->lag = -1;
	is_text(judge(RW_ALERT_SELF_LAG), "unknown", "not known");
	reset_primary();
	add_link("upstream", RW_STATE_STREAMING)->lag = RW_HOUR;
	is_text(judge(RW_ALERT_SELF_LAG), "none none", "a primary");
}

static void
test_wal_disk(void)
{
	section("wal_disk");

	reset_primary();
	is_text(judge(RW_ALERT_WAL_DISK), "unknown", "no look at the volume yet");
	set_volume(500, 41, 0.01);
	is_text(judge(RW_ALERT_WAL_DISK), "none none", "thirteen hours are left");
	is_int(subject_of(RW_ALERT_WAL_DISK)->
		   findings[rw_alert_place(RW_ALERT_WAL_DISK)].limits[RW_SEVERITY_CRITICAL],
		   3600 * S, "a quarter of the limit is critical");
	set_volume(500, 41, 0.018);
	is_text(judge(RW_ALERT_WAL_DISK), "none warning", "twice the limit");
	set_volume(500, 41, 0.017);
	is_text(judge(RW_ALERT_WAL_DISK), "none none", "more than that");
	set_volume(500, 41, 0.036);
	is_text(judge(RW_ALERT_WAL_DISK), "warning warning", "less than the limit");
	set_volume(500, 41, 0.5 / 7.1);
	is_text(judge(RW_ALERT_WAL_DISK), "warning critical",
			"twice a quarter of the limit");
	set_volume(500, 41, 0.14);
	is_text(judge(RW_ALERT_WAL_DISK), "critical critical",
			"less than a quarter");
	set_volume(3600, 41, 1);
	is_int(value(RW_ALERT_WAL_DISK), 3600 * S, "the value is the time left");
	set_volume(500, 40, 10);
	is_text(judge(RW_ALERT_WAL_DISK), "none none",
			"no more than max_wal_size is held");
	set_volume(500, 41, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "none none", "held, and not growing");
	world.memory.wal_disk.levels[0].npoints = 0;
	is_text(judge(RW_ALERT_WAL_DISK), "unknown", "observed not long enough");
	set_volume(500, 41, 10);
	is_text(judge_without(RW_ALERT_WAL_DISK, RW_LIMIT_WAL_DISK_TIME_LEFT),
			"none none", "switched off");
	set_volume(500, 41, 10);
	world.memory.wal_disk.volume.known = false;
	is_text(judge(RW_ALERT_WAL_DISK), "unknown",
			"the file system does not answer");

	section("wal_disk: free space");

	reset_primary();
	set_volume(50, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "none warning, size", "the limit");
	set_volume(75, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "none warning, size",
			"half as much again");
	set_volume(76, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "none none", "more");
	set_volume(49, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "warning warning, size", "less");
	is_int(value(RW_ALERT_WAL_DISK), 49 * 1048576, "which is its value");
	is_int(subject_of(RW_ALERT_WAL_DISK)->
		   findings[rw_alert_place(RW_ALERT_WAL_DISK)].limits[RW_SEVERITY_WARNING],
		   1000 / 20 * 1048576, "below its limit");
	set_volume(37, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "warning critical, size", "little");
	set_volume(24, 0, 0);
	is_text(judge(RW_ALERT_WAL_DISK), "critical critical, size", "half");
	is_text(judge_without(RW_ALERT_WAL_DISK, RW_LIMIT_WAL_DISK_FREE),
			"none none", "switched off");
	is_text(judge_without(RW_ALERT_WAL_DISK, RW_LIMIT_WAL_DISK_TIME_LEFT),
			"critical critical, size", "which the time is alone");
	world.memory.wal_disk.volume.max_wal_size = 6 * 1048576;
	is_text(judge(RW_ALERT_WAL_DISK), "none warning, size",
			"but four times max_wal_size");
	world.memory.wal_disk.volume.max_wal_size = 4 * 1048576 - 1;
	is_text(judge(RW_ALERT_WAL_DISK), "none none", "and half as much again");
	set_volume(49, 41, 1);
	is_text(judge(RW_ALERT_WAL_DISK), "critical critical",
			"and the volume fills: the worse one is shown");
	set_volume(20, 41, 0.002);
	is_text(judge(RW_ALERT_WAL_DISK), "critical critical, size",
			"whichever it is");

	reset_standby();
	set_volume(500, 41, 10);
	is_text(judge(RW_ALERT_WAL_DISK), "critical critical", "on a standby, too");
}

static void
test_xmin_held(void)
{
	RwXminHolder holder;

	section("xmin_held");

	reset_primary();
	is_text(judge(RW_ALERT_XMIN_HELD), "none none", "nobody holds it");
	is_int(value(RW_ALERT_XMIN_HELD), 0, "back");
	world.facts.nslots = 2;
	world.slots[0].sender = world.slots[1].sender = -1;
	world.slots[0].xmin_age = 100000;
	world.slots[1].xmin_age = -1;
	is_text(judge(RW_ALERT_XMIN_HELD), "none warning", "a slot, at the limit");
	world.slots[0].xmin_age = 100001;
	is_text(judge(RW_ALERT_XMIN_HELD), "warning warning", "above it");
	is_int(value(RW_ALERT_XMIN_HELD), 100001, "which is its value");
	is_text(judge_without(RW_ALERT_XMIN_HELD, RW_LIMIT_XMIN_AGE),
			"none none, no warnings", "switched off");
	world.slots[0].xmin_age = 49999;
	is_text(judge(RW_ALERT_XMIN_HELD), "none none", "less than half");
	world.slots[1].xmin_age = 200000;
	world.slots[1].invalidation = "wal_removed";
	is_text(judge(RW_ALERT_XMIN_HELD), "none none",
			"one that was invalidated holds nothing");
	world.slots[1].invalidation = NULL;
	rw_find_xmin_holder(&world.facts, &holder);
	ok(holder.slot == &world.slots[1] && holder.sender == NULL,
	   "the one that holds back most");
	world.facts.nsenders = 2;
	world.slots[1].sender = 1;
	world.senders[0].xmin_age = world.senders[1].xmin_age = -1;
	rw_find_xmin_holder(&world.facts, &holder);
	ok(holder.sender == &world.senders[1], "and who uses it");
	world.senders[0].xmin_age = 200001;
	rw_find_xmin_holder(&world.facts, &holder);
	ok(holder.slot == NULL && holder.sender == &world.senders[0],
	   "a standby without a slot");
	is_int(value(RW_ALERT_XMIN_HELD), 200001, "with its value");

	reset_standby();
	world.facts.nslots = 1;
	world.slots[0].sender = -1;
	world.slots[0].xmin_age = 200000;
	is_text(judge(RW_ALERT_XMIN_HELD), "none none",
			"a standby that sends no feedback");
	world.facts.receiver.sends_feedback = true;
	is_text(judge(RW_ALERT_XMIN_HELD), "warning warning", "one that does");
	world.slots[0].synced = true;
	is_text(judge(RW_ALERT_XMIN_HELD), "none none", "a slot of the primary's");
	reset_primary();
	world.facts.nslots = 1;
	world.slots[0].sender = -1;
	world.slots[0].xmin_age = 200000;
	world.slots[0].synced = true;
	is_text(judge(RW_ALERT_XMIN_HELD), "warning warning",
			"which this server is now");
}

/* A moment, a duration or a size, also none, unknown and the limits. */
static int64
any(uint64 *random)
{
	switch (next_random(random) % 6)
	{
		case 0:
			return 0;
		case 1:
			return next_random(random) % 5000;
		case 2:
			return (int64) (next_random(random) % 100) * S;
		default:
			return (int64) (next_random(random) % 8000) * S;
	}
}

static int64
any_or_unknown(uint64 *random)
{
	return next_random(random) % 5 == 0 ? -1 : any(random);
}

static RwTime
any_moment(uint64 *random)
{
	return next_random(random) % 4 == 0 ? RW_NEVER : START - any(random);
}

static bool
any_bool(uint64 *random)
{
	return next_random(random) % 2;
}

/* A server of any kind. */
static void
reset_at_random(uint64 *random)
{
	if (any_bool(random))
		reset_standby();
	else
		reset_primary();
	for (int i = 0; i < 2; i++)
	{
		int			n = world.links.nlinks;
		RwReplica  *replica = add_replica(i == 0 ? "a" : "b");
		RwLink	   *link = &world.link[n];

		replica->known = any_bool(random);
		replica->shared = any_bool(random);
		replica->streamed_at = any_moment(random);
		replica->streaming_since = any_moment(random);
		replica->replay_moved_at = any_moment(random);
		replica->progressed_at = any_moment(random);
		replica->connected = any_bool(random);
		replica->belongs = any_bool(random);
		replica->steady = any_bool(random);
		replica->parted = next_random(random) % (RW_LEFT_BEHIND + 1);
		for (int j = next_random(random) % 4; j > 0; j--)
			rw_attempts_add(&replica->attempts, START);
		if (any_bool(random))
			link->sender = NULL;
		link->state = any_bool(random) ? RW_STATE_STREAMING :
			RW_STATE_CATCHUP;
		link->last_seen = START - any(random);
		link->position = any(random);
		world.senders[n].reply_time = any_bool(random);
	}
	for (int i = 0; i < 2; i++)
	{
		int			n = world.links.nlinks;
		RwSlotNote *note = add_slot(i == 0 ? "s" : "t");

		note->inactive_since = any_moment(random);
		note->moved_at = any_moment(random);
		note->for_backup = any_bool(random);
		world.slots[n].wal_status = next_random(random) % (RW_WAL_LOST + 1);
		world.slots[n].limited = any_bool(random);
		world.slots[n].safe_wal_size = any(random);
		world.link[n].retained_bytes = any_or_unknown(random);
		world.slots[n].invalidation = any_bool(random) ? "wal_removed" : NULL;
		world.link[n].slot_time_left = any_or_unknown(random);
		world.link[n].slot_idle_left = any_or_unknown(random);
	}
	for (int i = 0; i < world.links.nlinks; i++)
	{
		world.link[i].lag = any_or_unknown(random);
		world.link[i].lag_bytes = any_or_unknown(random);
	}
	if (any_bool(random))
		expect("b");
	world.facts.sender_timeout_ms = any_bool(random) ? 0 : 60000;
	world.facts.recovery.apply_delay_ms = any_bool(random) ? 0 : 5000;
	world.facts.receiver.has_conninfo = any_bool(random);
	world.memory.watching_since = START - any(random);
	world.archive.known = any_bool(random);
	if (any_bool(random))
		waits_for_archive(any_moment(random));
	world.published.upstream.down_since = any_moment(random);
	world.published.upstream.paused_since = any_moment(random);
	world.published.upstream.settled = any_bool(random);
	world.published.upstream.parted =
		next_random(random) % (RW_LEFT_BEHIND + 1);
	world.published.upstream.lost_wal = any_bool(random);
	world.facts.nslots = any_bool(random) ? MAX_THINGS : 0;
	for (int i = 0; i < MAX_THINGS; i++)
	{
		world.slots[i].sender = -1;
		world.slots[i].xmin_age = any_or_unknown(random) % 10000000;
	}
	world.facts.receiver.sends_feedback = any_bool(random);
	set_volume(any(random) % 1000, any(random) % 100,
			   next_random(random) % 100 / 10.0);
	world.memory.wal_disk.volume.known = next_random(random) % 5 > 0;
	world.node.sync.wanted = next_random(random) % 3;
	world.node.sync.connected = next_random(random) % 3;
	world.node.sync.waiting = next_random(random) % 2;
	for (int i = RW_LIMIT_NONE + 1; i < RW_NUM_LIMITS; i++)
		world.limits.of[i] = any(random);
}

static bool
uses_limit(RwAlertKind alert, RwLimit limit)
{
	const RwAlertInfo *info = &rw_alert_table[alert];

	for (int i = 0; i < RW_MAX_OTHER_LIMITS; i++)
	{
		if (info->others[i] == limit)
			return true;
	}
	return info->warning == limit || info->critical == limit;
}

/*
 * Each alert is judged once more, first with other values of the limits that
 * its row does not name, then with all limits switched off.
 */
static void
test_at_random(void)
{
	uint64		random = 20261128;
	static RwSubject before[lengthof(world.subjects)];
	RwLimits	limits;
	int			backwards = 0;
	int			unlisted = 0;
	int			not_off = 0;
	int			no_room = 0;
	int			raised[RW_NUM_ALERTS] = {0};
	int			rare = PG_INT32_MAX;

	section("at random");

	for (int n = 0; n < 5000; n++)
	{
		reset_at_random(&random);
		limits = world.limits;
		judge_world();
		memcpy(before, world.subjects, sizeof(before));
		no_room += world.nsubjects > rw_max_subjects(&world.input);

		for (int i = 0; i < RW_NUM_ALERTS; i++)
		{
			const RwSubject *subject = subject_of(i);
			const RwAlertInfo *info = &rw_alert_table[i];
			const RwFinding *finding;
			int			at;

			if (subject == NULL)
				continue;
			at = subject - world.subjects;
			finding = &before[at].findings[rw_alert_place(i)];
			backwards += finding->judged.keep < finding->judged.raise &&
				finding->judged.known;
			raised[i] += finding->judged.raise > RW_SEVERITY_NONE;

			for (int j = RW_LIMIT_NONE + 1; j < RW_NUM_LIMITS; j++)
				world.limits.of[j] = uses_limit(i, j) ? limits.of[j] :
					any(&random);
			judge_world();
			unlisted += memcmp(&world.subjects[at].findings[rw_alert_place(i)], finding,
							   sizeof(RwFinding)) != 0;

			memset(&world.limits, 0, sizeof(world.limits));
			judge_world();
			not_off += info->warning != RW_LIMIT_NONE &&
				(world.subjects[at].findings[rw_alert_place(i)].judged.raise >
				 RW_SEVERITY_NONE ||
				 world.subjects[at].findings[rw_alert_place(i)].pending);
			world.limits = limits;
		}
	}
	for (int i = 0; i < RW_NUM_ALERTS; i++)
		rare = Min(rare, raised[i]);
	ok(rare > 20, "each alert was raised often");
	is_int(backwards, 0, "what raises an alert keeps it");
	is_int(unlisted, 0, "only the limits in its row count");
	is_int(not_off, 0, "without limits nothing is raised or pending");
	is_int(no_room, 0, "there is room for all subjects");
}

int
main(void)
{
	test_subjects();
	test_memory();
	test_missing();
	test_elsewhere();
	test_silent();
	test_stalled();
	test_lag();
	test_slots();
	test_primary();
	test_standby();
	test_diverged();
	test_wal_disk();
	test_xmin_held();
	test_in_vain();
	test_gap();
	test_at_random();
	return tap_end();
}
