/*-------------------------------------------------------------------------
 *
 * test_verdict.c
 *	  Tests of src/port/verdict.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/port/intern.h"
#include "unit/tap.h"

#define MB		(INT64CONST(1) << 20)
#define NOW		(100 * RW_DAY)

static RwCheckFacts facts;
static RwRequest request;
static RwVerdict verdict;
static RwAgentMemory memory;
static RwPortPeer peer;
static char line[RW_AGENT_LINE_LEN];

/* A standby that has replayed everything. */
static void
be_standby(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.now = NOW;
	facts.in_recovery = true;
	facts.accepting = true;
	facts.position = 1000;
	facts.tli = 3;
	facts.sample_age_max = 3 * RW_SECOND;
	facts.standby.sampled_at = NOW - 100 * RW_MS;
	facts.standby.was_in_step = true;
	facts.standby.lag_known = true;
}

/* A standby that lacks so many bytes, and has lacked the first for so long. */
static void
be_behind(int64 lag, int64 bytes)
{
	be_standby();
	facts.standby.stale_since = NOW - lag;
	facts.standby.missing_bytes = bytes;
}

/* A standby that has been cut off for so long, and knows of no missing WAL. */
static void
be_cut_off(int64 silence)
{
	be_standby();
	facts.standby.cut_off = true;
	facts.standby.at_most = true;
	facts.standby.stale_since = facts.standby.cut_off_since = NOW - silence;
}

static void
be_primary(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.now = NOW;
	facts.accepting = true;
	facts.position = 1000;
	facts.tli = 3;
	facts.sample_age_max = 3 * RW_SECOND;
	facts.standby.sampled_at = NOW - 100 * RW_MS;
}

/* It may be cut off for so long. */
static void
limit_cut_off(int64 time)
{
	request.limits.has_cut_off = true;
	request.limits.cut_off = time;
}

static void
ask(RwTopic topic)
{
	memset(&request, 0, sizeof(request));
	request.topic = topic;
}

static void
limit_time(int64 time)
{
	request.limits.has_time = true;
	request.limits.time = time;
}

static void
limit_bytes(int64 bytes)
{
	request.limits.has_bytes = true;
	request.limits.bytes = bytes;
}

/* The verdict has this reason; "" is yes. */
static void
says(const char *why, const char *what)
{
	rw_verdict(&request, &facts, &verdict);
	is_text(verdict.why, why, what);
	ok(verdict.yes == (why[0] == '\0'), "and the verdict agrees");
}

static void
topic_says(RwTopic topic, const char *why, const char *what)
{
	ask(topic);
	says(why, what);
}

static void
test_roles(void)
{
	section("a primary");
	be_primary();
	topic_says(RW_ASK_PRIMARY, "", "primary");
	topic_says(RW_ASK_REPLICA, "this server is a primary", "replica");
	topic_says(RW_ASK_READ_ONLY, "", "read-only");
	topic_says(RW_ASK_LIVENESS, "", "liveness");
	topic_says(RW_ASK_READINESS, "", "readiness");
	topic_says(RW_ASK_HEALTH, "", "health");
	is_text(verdict.role, "primary", "its role");
	ok(!verdict.shows_lag, "it has no lag");

	section("a primary that is about to stop");
	facts.accepting = false;
	topic_says(RW_ASK_PRIMARY, "not accepting connections", "primary");
	topic_says(RW_ASK_READ_ONLY, "not accepting connections", "read-only");
	topic_says(RW_ASK_READINESS, "not accepting connections", "readiness");
	topic_says(RW_ASK_LIVENESS, "", "liveness");

	section("a standby");
	be_standby();
	topic_says(RW_ASK_PRIMARY, "this server is in recovery", "primary");
	topic_says(RW_ASK_REPLICA, "", "replica");
	topic_says(RW_ASK_READ_ONLY, "", "read-only");
	topic_says(RW_ASK_LIVENESS, "", "liveness");
	topic_says(RW_ASK_READINESS, "", "readiness");
	topic_says(RW_ASK_HEALTH, "", "health");
	is_text(verdict.role, "standby", "its role");
	ok(verdict.shows_lag && verdict.lag_known && verdict.lag == 0,
	   "it has a lag of 0");
	is_text(verdict.lag_bound, "exact", "exactly");
	facts.standby.cascade = true;
	topic_says(RW_ASK_REPLICA, "", "replica, with replicas of its own");
	is_text(verdict.role, "cascade", "its role");

	section("a standby that takes no connections");
	be_standby();
	facts.accepting = false;
	topic_says(RW_ASK_REPLICA, "not accepting connections", "replica");
	topic_says(RW_ASK_READ_ONLY, "not accepting connections", "read-only");
	topic_says(RW_ASK_READINESS, "not accepting connections", "readiness");
	topic_says(RW_ASK_LIVENESS, "", "liveness");

	section("a standby that has not been in step since it started");
	be_standby();
	facts.standby.was_in_step = false;
	topic_says(RW_ASK_REPLICA, "this server has not caught up since it started", "replica");
	limit_bytes(10 * MB);
	limit_cut_off(RW_CUT_OFF_FOR_EVER);
	says("this server has not caught up since it started", "whatever the limits");
	topic_says(RW_ASK_READ_ONLY, "this server has not caught up since it started", "read-only");
	topic_says(RW_ASK_READINESS, "", "readiness");
	topic_says(RW_ASK_LIVENESS, "", "liveness");
	topic_says(RW_ASK_HEALTH, "", "health");
	facts.standby.parted = RW_DIVERGED;
	facts.standby.mark = 0x300;
	topic_says(RW_ASK_REPLICA, "this server has diverged from its upstream server at LSN 0/300",
			   "one that has parted says that");
	be_primary();
	topic_says(RW_ASK_READ_ONLY, "", "a primary need not have been");

	section("crash recovery");
	be_standby();
	facts.accepting = false;
	facts.crash_recovery = true;
	topic_says(RW_ASK_PRIMARY, "this server is in recovery", "primary");
	ok(verdict.role == NULL, "it has no role yet");
	ok(!verdict.shows_lag, "nor a lag");

	section("pages");
	be_primary();
	topic_says(RW_ASK_METRICS, "not a health check",
			   "are no health checks");
	topic_says(RW_ASK_CLUSTER, "not a health check", "/cluster neither");
}

static void
test_samples(void)
{
	section("an old sample");
	be_standby();
	facts.standby.sampled_at = NOW - 3 * RW_SECOND;
	topic_says(RW_ASK_REPLICA, "", "3 s are not too old");
	facts.standby.sampled_at--;
	topic_says(RW_ASK_REPLICA, "no sample for 3 s", "replica");
	ok(!verdict.shows_lag, "its lag is not shown");
	facts.standby.sampled_at = NOW - 65 * RW_SECOND;
	topic_says(RW_ASK_READ_ONLY, "no sample for 65 s", "read-only");
	topic_says(RW_ASK_HEALTH, "no sample for 65 s", "health");
	topic_says(RW_ASK_READINESS, "", "readiness");
	limit_time(RW_HOUR);
	says("no sample for 65 s", "readiness within a limit");
	topic_says(RW_ASK_LIVENESS, "", "liveness");
	facts.sample_age_max = RW_HOUR;
	topic_says(RW_ASK_REPLICA, "", "fresh is what the interval allows");

	section("no sample");
	be_standby();
	facts.standby.sampled_at = RW_NEVER;
	topic_says(RW_ASK_REPLICA, "no sample yet", "replica");
	topic_says(RW_ASK_PRIMARY, "this server is in recovery", "primary");
	be_primary();
	facts.standby.sampled_at = RW_NEVER;
	topic_says(RW_ASK_PRIMARY, "", "a primary's role needs none");
	topic_says(RW_ASK_READ_ONLY, "", "nor does read-only");
	topic_says(RW_ASK_HEALTH, "no sample yet", "its health needs one");
}

static void
test_limits(void)
{
	section("a limit in time");
	be_behind(5 * RW_SECOND, 10 * MB);
	ask(RW_ASK_REPLICA);
	says("", "none");
	limit_time(5 * RW_SECOND);
	says("", "just within");
	limit_time(5 * RW_SECOND - 1);
	says("lag is 5.0 s, more than 4.9 s", "just beyond");
	ask(RW_ASK_READ_ONLY);
	limit_time(1);
	says("lag is 5.0 s, more than 0 ms", "read-only");
	ask(RW_ASK_READINESS);
	limit_time(1);
	says("lag is 5.0 s, more than 0 ms", "readiness");
	facts.standby.at_least = true;
	says("lag is at least 5.0 s, more than 0 ms", "a lower bound");
	facts.standby.sampled_at += RW_SECOND;
	facts.now += RW_SECOND;
	says("lag is at least 6.0 s, more than 0 ms",
		 "it grows until a sample says otherwise");
	limit_time(RW_MINUTE);
	says("lag is at least 6.0 s, perhaps more than 60 s",
		 "a lower bound never proves that a limit is kept");
	facts.standby.lag_known = false;
	says("lag is unknown", "an unknown lag is no");

	section("a limit in bytes");
	be_behind(5 * RW_SECOND, 10 * MB);
	ask(RW_ASK_REPLICA);
	limit_bytes(10 * MB);
	says("", "just within");
	limit_bytes(10 * MB - 1);
	says("10485760 bytes are missing, more than 10485759", "just beyond");
	facts.standby.lag_known = false;
	limit_bytes(10 * MB);
	says("", "time need not be known");
	facts.standby.missing_bytes = -1;
	says("lag in bytes is unknown", "an unknown lag is no");

	section("both");
	be_behind(5 * RW_SECOND, 10 * MB);
	ask(RW_ASK_REPLICA);
	limit_bytes(20 * MB);
	limit_time(6 * RW_SECOND);
	says("", "within both");
	limit_time(4 * RW_SECOND);
	says("lag is 5.0 s, more than 4.0 s", "beyond one");
	limit_time(6 * RW_SECOND);
	limit_bytes(5 * MB);
	says("10485760 bytes are missing, more than 5242880", "beyond the other");

	section("on a primary");
	be_primary();
	ask(RW_ASK_READ_ONLY);
	limit_bytes(0);
	limit_time(0);
	says("", "limits of lag do not apply");
}

static void
test_cut_off(void)
{
	section("cut off");
	be_cut_off(42 * RW_SECOND);
	ask(RW_ASK_REPLICA);
	says("", "being cut off is no reason by itself");
	ok(verdict.cut_off, "it is shown");
	is_int(verdict.lag, 42 * RW_SECOND, "the lag is shown");
	is_text(verdict.lag_bound, "at most", "as an upper bound");
	limit_time(5 * RW_SECOND);
	says("lag may be up to 42 s, more than 5.0 s", "a limit in time is strict");
	limit_time(RW_MINUTE);
	says("", "a limit above the bound is met");
	limit_time(5 * RW_SECOND);
	limit_cut_off(RW_CUT_OFF_FOR_EVER);
	says("", "cut_off=serve lifts it");
	facts.standby.lag_known = false;
	says("", "even with an unknown lag");
	request.limits.has_cut_off = false;
	says("lag is unknown", "without it an unknown lag is no");
	ask(RW_ASK_REPLICA);
	limit_bytes(0);
	says("", "a limit in bytes counts WAL known to be missing");

	section("cut off, for how long");
	be_cut_off(42 * RW_SECOND);
	ask(RW_ASK_REPLICA);
	limit_time(5 * RW_SECOND);
	limit_cut_off(42 * RW_SECOND);
	says("", "just as long as it may be");
	facts.now++;
	says("cut off from the upstream server for 42 s, more than 42 s",
		 "a moment longer, by the same sample");
	limit_cut_off(5 * RW_SECOND);
	says("cut off from the upstream server for 42 s, more than 5.0 s",
		 "longer than it may be");
	request.limits.has_time = false;
	says("cut off from the upstream server for 42 s, more than 5.0 s",
		 "without another limit");
	request.topic = RW_ASK_READ_ONLY;
	says("cut off from the upstream server for 42 s, more than 5.0 s", "read-only");
	request.topic = RW_ASK_READINESS;
	says("cut off from the upstream server for 42 s, more than 5.0 s", "readiness");
	limit_cut_off(0);
	says("cut off from the upstream server for 42 s", "it must not be");
	be_cut_off(0);
	says("cut off from the upstream server for 0 ms", "not for a moment");
	facts.standby.cut_off_since = RW_NEVER;
	says("cut off from the upstream server for an unknown time", "not for an unknown time");
	limit_cut_off(RW_DAY);
	says("cut off from the upstream server for an unknown time", "which may be too long");
	limit_cut_off(RW_CUT_OFF_FOR_EVER);
	says("", "but for any time");
	be_cut_off(42 * RW_SECOND);
	facts.standby.sampled_at = NOW - 5 * RW_SECOND;
	limit_cut_off(RW_DAY);
	says("no sample for 5 s", "from an old sample nothing is known");
	be_behind(42 * RW_SECOND, MB);
	limit_cut_off(0);
	says("", "one that is behind is not cut off");
	be_primary();
	says("", "nor is a primary");

	section("cut off, and behind");
	be_cut_off(42 * RW_SECOND);
	facts.standby.at_most = false;
	facts.standby.missing_bytes = MB;
	ask(RW_ASK_REPLICA);
	says("", "being cut off is no reason by itself");
	limit_time(5 * RW_SECOND);
	limit_cut_off(RW_CUT_OFF_FOR_EVER);
	says("lag is 42 s, more than 5.0 s", "cut_off=serve does not excuse it");
	limit_cut_off(RW_HOUR);
	says("lag is 42 s, more than 5.0 s", "nor does a duration");
	limit_cut_off(RW_SECOND);
	says("cut off from the upstream server for 42 s, more than 1.0 s", "it is cut off for too long besides");
	ask(RW_ASK_REPLICA);
	limit_bytes(MB - 1);
	says("1048576 bytes are missing, more than 1048575", "nor a limit in bytes");
}

static void
test_positions(void)
{
	RwTimeline	timeline;
	const char *history = "1\t0/200\tx\n2\t0/300\tx\n";

	section("lsn");
	be_standby();
	ask(RW_ASK_REPLICA);
	request.limits.has_lsn = true;
	request.limits.lsn = 1000;
	says("", "replayed");
	request.limits.lsn = 1001;
	says("replayed up to LSN 0/3E8, not 0/3E9", "not yet");
	be_primary();
	request.topic = RW_ASK_READ_ONLY;
	says("written up to LSN 0/3E8, not 0/3E9", "not written");
	request.limits.lsn = 1000;
	says("", "written");

	section("token");
	ok(rw_timeline_parse(&timeline, 3, history, strlen(history)),
	   "a history");
	be_standby();
	facts.timeline = &timeline;
	ask(RW_ASK_REPLICA);
	request.limits.has_token = true;
	facts.system = request.limits.token_system = 7;
	request.limits.token_tli = 3;
	request.limits.token_lsn = 1000;
	says("", "replayed");
	request.limits.token_lsn = 1001;
	says("replayed up to LSN 0/3E8, not 0/3E9", "not yet");
	request.limits.token_tli = 4;
	request.limits.token_lsn = 1;
	says("this server has not reached the timeline of the commit yet", "a newer timeline");
	request.limits.token_tli = 2;
	request.limits.token_lsn = 0x300;
	says("", "an older one's last commit");
	request.limits.token_lsn = 0x301;
	says("the commit is not part of this server's history", "beyond the fork");
	facts.position = 0x100;
	request.limits.token_tli = 1;
	request.limits.token_lsn = 0x200;
	says("replayed up to LSN 0/100, not 0/200", "an older one's, not yet");
	facts.timeline = NULL;
	says("could not verify that the commit is part of this server's history",
		 "a history that can't be read");
	request.limits.token_system = 8;
	says("the commit token is of another database system", "of another system");
	request.limits.token_tli = 3;
	request.limits.token_lsn = 1;
	says("the commit token is of another database system", "whatever its LSN");
	be_primary();
	request.topic = RW_ASK_READ_ONLY;
	facts.system = 7;
	says("the commit token is of another database system", "on a primary");
}

/* The agent's answer, so much later. */
static void
agent_says(int64 later, const char *answer, const char *what)
{
	facts.now += later;
	facts.standby.sampled_at += later;
	if (facts.standby.stale_since != RW_NEVER)
		facts.standby.stale_since += later;
	if (facts.standby.cut_off_since != RW_NEVER)
		facts.standby.cut_off_since += later;
	rw_verdict_agent(&request, &facts, &memory, peer, 10 * RW_SECOND,
					 5 * RW_SECOND, line);
	is_text(line, answer, what);
}

/* The lag as of now, in tenths of seconds. */
static void
set_lag(int tenths)
{
	facts.standby.stale_since = tenths == 0 ? RW_NEVER :
		facts.now - tenths * (RW_SECOND / 10);
	facts.standby.missing_bytes = tenths == 0 ? 0 : MB;
}

static void
ask_agent(RwTopic topic)
{
	memset(&memory, 0, sizeof(memory));
	ask(topic);
	request.agent = true;
}

static void
test_parted(void)
{
	static const char *const why[] = {
		[RW_AHEAD] = "this server is ahead of its upstream server from LSN 0/300",
		[RW_DIVERGED] = "this server has diverged from its upstream server at LSN 0/300",
		[RW_LEFT_BEHIND] = "the upstream server left this server's timeline at LSN 0/300",
	};

	for (RwParted parted = RW_AHEAD; parted <= RW_LEFT_BEHIND; parted++)
	{
		section("a standby that has parted from its upstream server");
		be_standby();
		facts.standby.parted = parted;
		facts.standby.mark = facts.standby.common = 0x300;
		topic_says(RW_ASK_REPLICA, why[parted], "is no replica");
		limit_time(RW_HOUR);
		limit_bytes(MB);
		limit_cut_off(RW_CUT_OFF_FOR_EVER);
		says(why[parted], "whatever lag is allowed");
		topic_says(RW_ASK_READ_ONLY, why[parted], "nor fit to read from");
		topic_says(RW_ASK_LIVENESS, "", "is alive");
		topic_says(RW_ASK_READINESS, "", "and ready");
		topic_says(RW_ASK_HEALTH, "", "and healthy as a server");
		topic_says(RW_ASK_PRIMARY, "this server is in recovery",
				   "is no primary");

		ask(RW_ASK_READINESS);
		request.limits.has_token = true;
		request.limits.token_tli = 3;
		request.limits.token_lsn = 0x300;
		says("", "has a commit up to the mark");
		request.limits.token_lsn = 0x301;
		says(why[parted], "and none beyond it, though it has replayed that");
		request.limits.token_lsn = 1000000;
		says(why[parted], "or has not");

		be_cut_off(RW_HOUR);
		facts.standby.parted = parted;
		facts.standby.mark = 0x300;
		ask(RW_ASK_REPLICA);
		says(why[parted], "cut off or not");
	}

	section("a primary, whatever it was before");
	be_primary();
	facts.standby.parted = RW_DIVERGED;
	facts.standby.mark = 0x300;
	topic_says(RW_ASK_READ_ONLY, "", "is fit to read from");
	request.limits.has_token = true;
	request.limits.token_tli = 3;
	request.limits.token_lsn = 0x301;
	says("", "and has its commits");
}

static void
test_agent(void)
{
	section("agent: roles");
	be_primary();
	ask_agent(RW_ASK_PRIMARY);
	agent_says(0, "up ready 100%\n", "primary of a primary");
	facts.accepting = false;
	agent_says(0, "down #not accepting connections\n", "of one that is about to stop");
	facts.accepting = true;
	ask_agent(RW_ASK_REPLICA);
	agent_says(0, "down #this server is a primary\n", "replica of a primary");
	be_standby();
	ask_agent(RW_ASK_PRIMARY);
	agent_says(0, "down #this server is in recovery\n", "primary of a standby");
	ask_agent(RW_ASK_REPLICA);
	agent_says(0, "up ready 100%\n", "replica of a standby");
	facts.accepting = false;
	agent_says(0, "down #not accepting connections\n", "a standby that takes no connections");
	be_standby();
	facts.standby.sampled_at = NOW - 10 * RW_SECOND;
	agent_says(0, "down #no sample for 10 s\n", "a standby without a fresh sample");

	section("agent: weights");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	set_lag(10);
	agent_says(0, "up ready 100%\n", "a tenth of the limit");
	set_lag(20);
	agent_says(0, "up ready 90%\n", "a fifth");
	set_lag(55);
	agent_says(0, "up ready 55%\n", "half-way from there to the limit");
	set_lag(100);
	agent_says(0, "up ready 10%\n", "the limit");
	limit_time(100 * RW_SECOND);
	agent_says(0, "up ready 100%\n", "a limit of its own");
	ask_agent(RW_ASK_REPLICA);
	limit_bytes(2 * MB);
	agent_says(0, "up ready 60%\n", "in bytes: half of it");
	limit_bytes(10 * MB);
	limit_time(20 * RW_SECOND);
	agent_says(0, "up ready 60%\n", "of two limits the one that is used up most");
	facts.standby.at_least = true;
	agent_says(0, "up ready 10%\n", "a lower bound may be exceeded");
	ask_agent(RW_ASK_REPLICA);
	limit_bytes(2 * MB);
	agent_says(0, "up ready 60%\n", "which does not affect a limit in bytes");

	section("agent: drained and back");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	set_lag(101);
	agent_says(0, "drain\n", "beyond the limit");
	set_lag(80);
	agent_says(0, "drain\n", "being within it is not enough");
	set_lag(50);
	agent_says(0, "drain\n", "nor is half of it");
	set_lag(49);
	agent_says(RW_SECOND, "drain\n", "below half it is held");
	agent_says(4 * RW_SECOND, "drain\n", "for 4 s");
	set_lag(60);
	agent_says(0, "drain\n", "above half again");
	set_lag(20);
	agent_says(0, "drain\n", "the hold begins anew");
	agent_says(5 * RW_SECOND - 1, "drain\n", "the hold is not over");
	agent_says(1, "up ready 90%\n", "it is back");
	set_lag(90);
	agent_says(0, "up ready 20%\n", "it may use up the limit again");

	section("agent: each limit has a memory of its own");
	set_lag(110);
	agent_says(0, "drain\n", "beyond this limit");
	limit_time(20 * RW_SECOND);
	agent_says(0, "up ready 55%\n", "within that");
	set_lag(0);
	agent_says(0, "up ready 100%\n", "nothing is missing");
	request.limits.has_time = false;
	agent_says(0, "drain\n", "the first limit is still held");

	section("agent: floor");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	request.limits.floor = 1;
	set_lag(200);
	agent_says(0, "up ready 1%\n", "beyond the limit");
	set_lag(0);
	agent_says(0, "up ready 1%\n", "held");
	agent_says(5 * RW_SECOND, "up ready 100%\n", "back");
	request.limits.floor = 30;
	set_lag(100);
	agent_says(0, "up ready 30%\n", "never below");

	section("agent: cut off");
	be_cut_off(RW_HOUR);
	ask_agent(RW_ASK_REPLICA);
	agent_says(0, "up ready 1%\n", "served behind all that are not");
	limit_bytes(MB);
	agent_says(0, "up ready 1%\n", "with a limit in bytes");
	limit_cut_off(RW_HOUR);
	agent_says(0, "up ready 1%\n", "for as long as it may be");
	limit_cut_off(RW_HOUR - 1);
	agent_says(0, "down #cut off from the upstream server for 3600 s, more than 3599 s\n",
			   "down, if it is cut off for too long");
	limit_cut_off(0);
	request.limits.floor = 30;
	agent_says(0, "down #cut off from the upstream server for 3600 s\n",
			   "or must not be at all, whatever the floor");
	limit_cut_off(RW_DAY);
	agent_says(0, "up ready 30%\n", "the floor is the least weight");
	ask_agent(RW_ASK_REPLICA);
	limit_bytes(MB);
	facts.standby.missing_bytes = MB;
	agent_says(0, "up ready 1%\n", "behind, within the limit");
	facts.standby.missing_bytes = 2 * MB;
	agent_says(0, "drain\n", "drained for WAL known to be missing");
	be_cut_off(RW_HOUR);
	ask_agent(RW_ASK_REPLICA);
	facts.standby.missing_bytes = 1;
	agent_says(0, "drain\n", "also by a limit in time");

	section("agent: not in step since the start");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	facts.standby.was_in_step = false;
	agent_says(0, "down #this server has not caught up since it started\n", "down, and why");

	section("agent: parted from its upstream server");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	facts.standby.parted = RW_DIVERGED;
	facts.standby.mark = 0x300;
	agent_says(0, "down #this server has diverged from its upstream server at LSN 0/300\n",
			   "down, and why");

	section("agent: unknown lag");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	facts.standby.lag_known = false;
	agent_says(0, "up ready 10%\n", "unknown whether WAL is missing");
	facts.standby.missing_bytes = 1;
	agent_says(0, "drain\n", "WAL is missing for an unknown time");

	section("agent: more WAL to come from the archive");
	be_behind(5 * RW_SECOND, -1);
	facts.standby.at_most = true;
	ask_agent(RW_ASK_REPLICA);
	agent_says(0, "up ready 60%\n", "a limit in time judges the bound");
	limit_bytes(10 * MB);
	agent_says(0, "drain\n", "nobody knows how many bytes are missing");

	section("agent: a limit of 0");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	limit_bytes(0);
	agent_says(0, "up ready 100%\n", "nothing is missing");
	facts.standby.missing_bytes = 1;
	agent_says(0, "drain\n", "WAL is missing");
	facts.standby.missing_bytes = 0;
	agent_says(0, "drain\n", "held");
	agent_says(5 * RW_SECOND, "up ready 100%\n", "back");
}

/* Ask with that limit, of so many seconds, as that client. */
static void
as_client(RwPortPeer client, int seconds)
{
	peer = client;
	limit_time(seconds * RW_SECOND);
}

static void
test_memory(void)
{
	int			i;
	int			j;

	section("agent: a client with many limits");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	set_lag(1000);
	for (i = 1; i <= RW_AGENT_PEER_STATES; i++)
	{
		as_client(1, i);
		agent_says(1, "drain\n", "one more limit");
	}
	set_lag(0);
	as_client(1, 99);
	agent_says(1, "up ready 100%\n", "one too many, not drained");
	as_client(1, 1);
	agent_says(1, "drain\n", "the first is remembered");
	set_lag(550);
	as_client(1, 99);
	agent_says(1, "drain\n", "without memory it is drained above half the limit");
	set_lag(490);
	agent_says(1, "up ready 61%\n", "and is not below that");

	section("agent: clients do not see each other's memory");
	set_lag(0);
	as_client(2, 1);
	agent_says(1, "up ready 100%\n", "another client");
	as_client(1, 1);
	agent_says(1, "drain\n", "the first one");

	section("agent: other clients fill the memory");
	for (i = 2; i < 100; i++)
		for (j = 1; j <= 2 * RW_AGENT_PEER_STATES; j++)
		{
			as_client(i, j);
			rw_verdict_agent(&request, &facts, &memory, peer, 0, 0, line);
		}
	as_client(1, 1);
	agent_says(1, "drain\n", "the first one's is kept");
	as_client(100, 1);
	set_lag(6);
	agent_says(1, "drain\n", "a new one is answered without memory");
	agent_says(59 * RW_SECOND, "drain\n", "for as long as others ask");
	agent_says(RW_SECOND, "up ready 50%\n", "and gets a place when they do not");
	set_lag(11);
	agent_says(1, "drain\n", "in which it is drained");
	set_lag(4);
	agent_says(1, "drain\n", "and is remembered");
	peer = 0;
}

/* A client asks each so many seconds, and finds the standby well within. */
static void
asks_each(int64 gap, int times, const char *answer, const char *what)
{
	int			wrong = 0;

	for (int i = 0; i < times; i++)
	{
		facts.now += gap;
		facts.standby.sampled_at += gap;
		rw_verdict_agent(&request, &facts, &memory, peer, 10 * RW_SECOND,
						 5 * RW_SECOND, line);
		wrong += strcmp(line, answer) != 0;
	}
	is_int(wrong, 0, what);
}

static void
drain_agent(void)
{
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	set_lag(200);
	agent_says(0, "drain\n", "it is drained");
	set_lag(0);
}

static void
test_pauses(void)
{
	section("agent: only time that was watched counts");
	drain_agent();
	asks_each(RW_SECOND, 5, "drain\n", "for 4 s after the first answer");
	asks_each(RW_HOUR, 1, "drain\n", "an hour in which nobody asked");
	asks_each(RW_SECOND, 4, "drain\n", "the hold has begun anew");
	asks_each(RW_SECOND, 1, "up ready 100%\n", "and is over");

	section("agent: a client that asks each minute");
	drain_agent();
	asks_each(RW_MINUTE, 1, "drain\n", "the first time in a minute");
	asks_each(RW_MINUTE, 1, "up ready 100%\n", "the second");

	section("agent: two clients behind one address");
	drain_agent();
	asks_each(59 * RW_SECOND, 1, "drain\n", "the first, in a minute");
	asks_each(RW_SECOND, 1, "drain\n", "the second, after that");
	asks_each(59 * RW_SECOND, 1, "up ready 100%\n", "the first, a minute later");
}
/*
 * Clients that ask at random for a standby whose lag is random, and a simple
 * model of each: what it has been told, and since when it has been well within
 * its limit.  A client that has its places, and asks on, is answered as if
 * there was nobody else.
 */
#define OWN_CLIENTS		4
#define OWN_LIMITS		(RW_AGENT_PEER_STATES / 2)

typedef struct Model
{
	RwTime		asked_at;
	bool		drained;
	RwTime		low_since;
} Model;

static uint64 random_state = 42;

static int
random_below(int n)
{
	random_state = random_state * UINT64CONST(6364136223846793005) + 1;
	return (int) ((random_state >> 33) % n);
}

static bool
answers_drain(RwPortPeer client, int seconds, int tenths)
{
	set_lag(tenths);
	as_client(client, seconds);
	rw_verdict_agent(&request, &facts, &memory, peer, 10 * RW_SECOND,
					 5 * RW_SECOND, line);
	return strcmp(line, "drain\n") == 0;
}

static void
test_random(void)
{
	static Model models[OWN_CLIENTS][OWN_LIMITS];
	int			wrong = 0;
	int			early = 0;
	int			late = 0;
	int			asked = 0;
	int			drained = 0;
	int			back = 0;

	section("agent: clients at random");
	be_standby();
	ask_agent(RW_ASK_REPLICA);
	memset(models, 0, sizeof(models));

	for (int round = 0; round < 20000; round++)
	{
		bool		pause = ++asked > 50 && random_below(100) == 0;
		int64		step = (pause ? 20 : 1) * RW_SECOND;

		/* A pause that follows another is no longer unusual. */
		if (pause)
			asked = 0;
		facts.now += step;
		facts.standby.sampled_at += step;
		for (int i = 0; i < OWN_CLIENTS; i++)
		{
			for (int j = 0; j < OWN_LIMITS; j++)
			{
				Model	   *model = &models[i][j];
				int			seconds = (j + 1) * 10;
				int			tenths = random_below(random_below(4) == 0 ?
												 150 * (j + 1) : 20);
				bool		low = tenths < 5 * seconds;
				bool		was = model->drained;
				bool		is;

				/* Once it is drained, it mostly stays well within. */
				if (was && random_below(8) != 0)
					low = (tenths = random_below(20)) < 5 * seconds;
				if (tenths > 10 * seconds)
					model->drained = true;
				if (!low || pause)
					model->low_since = RW_NEVER;
				if (low && model->low_since == RW_NEVER)
					model->low_since = facts.now;
				is = answers_drain(10 + i, seconds, tenths);

				/* It is back only if the model allows it. */
				if (model->drained && !is)
				{
					early += !low ||
						facts.now - model->low_since < 5 * RW_SECOND;
					model->drained = false;
					back++;
				}
				late += is && low &&
					facts.now - model->low_since >= 5 * RW_SECOND;
				wrong += is != model->drained;
				drained += is && !was;
			}
		}

		/* What others ask does not matter. */
		for (int i = 0; i < 20; i++)
			answers_drain(1000 + random_below(1000), 1 + random_below(20),
						  random_below(100));
	}
	is_int(wrong, 0, "a drained one stays so, another is not");
	is_int(early, 0, "it does not come back before the hold is over");
	is_int(late, 0, "nor later");
	ok(drained > 1000 && back > 1000, "both happen");
	peer = 0;
}

int
main(void)
{
	test_roles();
	test_samples();
	test_limits();
	test_cut_off();
	test_positions();
	test_parted();
	test_agent();
	test_memory();
	test_pauses();
	test_random();
	return tap_end();
}
