/*-------------------------------------------------------------------------
 *
 * test_staleness.c
 *	  Tests of src/lag/staleness.c.
 *
 * How stale reads are at most, and towards which server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/lag/staleness.h"
#include "unit/lag/fixture.h"

#define S	RW_SECOND

static RwReceiverFacts *const receiver = &facts.receiver;
static RwUpstream *const upstream = &published.upstream;
static RwToldUpstream told;

/* A standby in step, whose upstream server has reported nothing. */
static void
begin_standby(const char *title)
{
	begin(title);
	make_standby();
	upstream->message_pid = 900;
	upstream->contact_end = upstream->late_end = HORIZON;
	upstream->complete_at = upstream->proven_at = START;
	upstream->reported = HORIZON;
	upstream->tended = true;
	memset(&told, 0, sizeof(told));
}

/* A message from the upstream server, just now. */
static void
hear(void)
{
	receiver->receipt_time = facts.wall;
	receiver->send_time = facts.wall - 5 * RW_MS;
	upstream->message_at = facts.now;
	upstream->receipt_time = receiver->receipt_time;
	upstream->send_time = receiver->send_time;
}

/* The upstream server reports: a primary, or a standby. */
static void
report(RwServerRole role, uint64 replay, int64 staleness, bool of_primary)
{
	RwServer	server;

	memset(&server, 0, sizeof(server));
	server.id.part[0] = 17;
	server.role = role;
	server.tli = 1;
	server.replay = replay;
	server.staleness = staleness;
	server.of_primary = of_primary;
	server.reported_at = facts.now;
	rw_told_upstream_add(&told, &server, 900);
}

static RwStaleness
staleness(void)
{
	RwLink	   *link = NULL;

	work_out();
	if (links.nlinks > 0 && links.links[0].upstream)
		link = &links.links[0];
	return rw_staleness(&facts, links.published, link,
						rw_server_id_is_set(told.id) ? &told : NULL);
}

/* In milliseconds. */
#define is_stale(milliseconds, primary, what) \
	do { \
		RwStaleness got = staleness(); \
		is_int(got.staleness, (milliseconds) < 0 ? -1 : \
			   (milliseconds) * RW_MS, what); \
		is_text(got.of_primary ? "primary" : "upstream", primary, \
				what ": towards whom"); \
	} while (0)

static void
test_upstream(void)
{
	begin("A primary");
	memset(&told, 0, sizeof(told));
	is_stale(0, "primary", "is never stale");

	begin_standby("In step");
	is_stale(0, "upstream", "a message has just come");
	pass(900 * RW_MS);
	is_stale(900, "upstream", "the age of the last one");
	hear();
	is_stale(0, "upstream", "until the next");
	upstream->tended = false;
	pass(20 * S);
	is_stale(20000, "upstream",
			 "also where the upstream server sends few keepalives");

	begin_standby("Cut off");
	pass(RW_MINUTE);
	is_stale(60000, "upstream", "since the last message");
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
	pass(RW_MINUTE);
	is_stale(120000, "upstream", "without a receiver, too");

	begin_standby("WAL is missing");
	write_wal(100);
	pass(5 * S);
	hear();
	is_stale(5000, "upstream", "since the last sample before it came");

	begin_standby("Not all is here");
	upstream->catchup_target = upstream->reported = HORIZON + 1000;
	upstream->complete_at = upstream->proven_at = START - 40 * S;
	is_stale(40000, "upstream", "since all was");
}

static void
test_unknown(void)
{
	begin_standby("Older than the history");
	write_wal(100);
	facts.recovery.replay = HORIZON - 100;
	rw_history_init(&history);
	rw_history_add(&history, HORIZON, START);
	work_out();
	is_text(rw_bound_name(links.links[0].bound), "at least",
			"the lag is at least so much");
	is_stale(-1, "upstream", "so staleness is not known");
	report(RW_ROLE_PRIMARY, HORIZON, 0, true);
	is_stale(-1, "upstream", "whatever is reported");

	begin_standby("Parted from its upstream server");
	upstream->parted = RW_DIVERGED;
	upstream->mark = HORIZON;
	is_stale(-1, "upstream", "what is read may never have been there");

	begin_standby("Silence that means nothing");
	upstream->tended = false;
	receiver->timeout_ms = 0;
	pass(RW_MINUTE);
	is_stale(-1, "upstream", "nobody says");

	begin_standby("In crash recovery");
	facts.crash_recovery = true;
	is_stale(-1, "upstream", "the role is not decided");

	begin_standby("Not preloaded");
	links.published = NULL;
	is_stale(-1, "upstream", "nothing is known");
}

/* What a receiver brings at first may be old. */
static void
test_contact(void)
{
	begin_standby("Connected again after an hour");
	upstream->contact_end = upstream->late_end = HORIZON + 1000;
	upstream->late_proof = START - RW_HOUR;
	upstream->proven_at = START - 2 * RW_HOUR;
	write_wal(1000);
	pass(2 * S);
	hear();
	is_stale(3602 * 1000, "upstream", "what has come may be an hour old");
	report(RW_ROLE_PRIMARY, facts.horizon, 0, true);
	is_stale(3602 * 1000, "upstream",
			 "and if it came from another server before, older");
	upstream->late_proof = RW_NEVER;
	is_stale(7202 * 1000, "upstream", "all that is replayed was all, then");
	upstream->proven_at = RW_NEVER;
	is_stale(-1, "upstream", "or it is of any age");
	facts.recovery.replay = facts.horizon - 1;
	is_stale(-1, "upstream", "to the last byte");
	facts.recovery.replay = facts.horizon;
	is_stale(0, "primary", "once it has been replayed, no more");

	begin_standby("Connected, and nothing has come yet");
	upstream->contact_end = upstream->late_end = HORIZON + 1000;
	upstream->proven_at = upstream->late_proof = RW_NEVER;
	is_stale(-1, "upstream", "although all that is here was replayed");

	begin_standby("A record that is not complete");
	upstream->contact_end = upstream->late_end = HORIZON + 10;
	upstream->partial = true;
	upstream->replay = HORIZON;
	upstream->horizon = HORIZON + 10;
	facts.horizon = HORIZON + 10;
	is_stale(0, "upstream", "does not count");
}

static void
test_told(void)
{
	begin_standby("Below a primary");
	report(RW_ROLE_PRIMARY, HORIZON, 0, true);
	pass(700 * RW_MS);
	is_stale(700, "primary", "it is what it is");
	pass(RW_MINUTE);
	is_stale(60700, "primary", "also when nobody reports any more");

	begin_standby("Below a standby");
	report(RW_ROLE_STANDBY, HORIZON, 30 * S, false);
	is_stale(0, "upstream", "that does not know");
	report(RW_ROLE_STANDBY, HORIZON, 30 * S, true);
	is_stale(30000, "primary", "that is stale");
	pass(S);
	hear();
	is_stale(31000, "primary", "and gets older");
	report(RW_ROLE_STANDBY, HORIZON, 200 * RW_MS, true);
	is_stale(200, "primary", "until it is in step");
	pass(900 * RW_MS);
	report(RW_ROLE_STANDBY, HORIZON, 0, true);
	is_stale(900, "primary", "it is never less than it is seen to be here");
	hear();
	is_stale(0, "primary", "but then");

	begin_standby("WAL that the upstream server replayed while it was stale");
	report(RW_ROLE_STANDBY, HORIZON, RW_HOUR, true);
	write_wal(100);
	pass(S);
	hear();
	report(RW_ROLE_STANDBY, HORIZON + 100, 0, true);
	is_stale(3601 * 1000, "primary", "shows until it is replayed here");
	facts.recovery.replay = HORIZON + 100;
	is_stale(0, "primary", "and then no more");

	begin_standby("A machine that was suspended");
	report(RW_ROLE_STANDBY, HORIZON, 200 * RW_MS, true);
	is_stale(200, "primary", "not yet");
	published.watch.round_at = facts.now;
	published.watch.wall_at = facts.wall;
	facts.wall += RW_HOUR;
	is_stale(3600 * 1000, "upstream", "what was told before it is older");
	pass(S);
	published.watch.round_at = published.watch.resumed_at = facts.now;
	published.watch.wall_at = facts.wall;
	hear();
	is_stale(0, "upstream", "by how much is not known");
	report(RW_ROLE_STANDBY, HORIZON, 200 * RW_MS, true);
	is_stale(200, "primary", "until more is told");

	begin_standby("A mark beyond what was replayed");
	report(RW_ROLE_STANDBY, HORIZON + 1, 0, true);
	is_stale(0, "upstream", "says nothing");
	report(RW_ROLE_STANDBY, HORIZON, 0, true);
	facts.recovery.replay_tli = 2;
	is_stale(0, "upstream", "nor does one of another timeline");
}

/* What the worker has not seen yet does not count. */
static void
test_between_looks(void)
{
	begin_standby("A new connection that the worker has not seen");
	pass(RW_HOUR);
	receiver->pid = 901;
	receiver->receipt_time = facts.wall;
	receiver->send_time = facts.wall - 1;
	receiver->latest_end = HORIZON + 1000;
	is_stale(3600 * 1000, "upstream", "says that there is more");
	write_wal(500);
	is_stale(3600 * 1000, "upstream", "also when some of it is here");
	facts.recovery.replay = facts.horizon;
	is_stale(3600 * 1000, "upstream", "and replayed");
	upstream->complete_at = upstream->proven_at = RW_NEVER;
	is_stale(-1, "upstream", "which may be of any age");

	begin_standby("A message that the worker has not seen");
	pass(200 * RW_MS);
	receiver->receipt_time = facts.wall;
	receiver->send_time = facts.wall - 1;
	is_stale(0, "upstream", "there is no more");
	receiver->latest_end = HORIZON + 1000;
	is_stale(200, "upstream", "there is more");

	begin_standby("A standby that has just been started");
	upstream->message_pid = 0;
	upstream->contact_end = upstream->late_end = 0;
	upstream->proven_at = RW_NEVER;
	upstream->complete_at = START - RW_HOUR;
	write_wal(100);
	facts.recovery.replay = HORIZON;
	receiver->pid = 0;
	receiver->state = RW_RECEIVER_STOPPED;
	receiver->send_time = receiver->receipt_time;
	is_stale(3600 * 1000, "upstream",
			 "has WAL that may have come late before it was stopped");
	upstream->archive.commit_at = START - RW_MINUTE;
	is_stale(60 * 1000, "upstream", "or after a commit that was replayed");

	begin_standby("A machine that has just been resumed");
	upstream->late_end = HORIZON + 1000;
	write_wal(100);
	published.watch.round_at = facts.now;
	published.watch.wall_at = facts.wall;
	facts.wall += RW_HOUR;
	is_stale(3600 * 1000, "upstream", "is older than its clock says");
}

/* What was told counts only for WAL of that server. */
static void
test_others(void)
{
	begin_standby("Reports of another server");
	report(RW_ROLE_PRIMARY, HORIZON, 0, true);
	is_stale(0, "primary", "that of this receiver's");
	receiver->pid = 901;
	is_stale(0, "upstream", "not once another receiver has got a message");
	upstream->message_pid = upstream->receiver_pid = 901;
	is_stale(0, "upstream", "and that has been noted");
	told.receiver_pid = 901;
	is_stale(0, "primary", "until its server has reported");

	begin_standby("A receiver that has got no message yet");
	report(RW_ROLE_PRIMARY, HORIZON, 0, true);
	receiver->pid = 901;
	receiver->send_time = receiver->receipt_time;
	pass(S);
	is_stale(1000, "primary", "what is here is from the server before");

	begin_standby("None is known");
	report(RW_ROLE_PRIMARY, HORIZON, 0, true);
	receiver->pid = told.receiver_pid = upstream->message_pid = 0;
	is_stale(0, "upstream", "after a restart");
}

int
main(void)
{
	test_upstream();
	test_unknown();
	test_contact();
	test_between_looks();
	test_told();
	test_others();
	return tap_end();
}
