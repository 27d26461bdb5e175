/*-------------------------------------------------------------------------
 *
 * test_standby_state.c
 *	  Tests of src/lag/standby_state.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/lag/standby_state.h"
#include "unit/tap.h"

#define NOW		(100 * RW_DAY)

static RwStandbyFacts facts;
static RwStandbyState state;

/* A standby that streams and has replayed everything. */
static void
set_streaming(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.now = NOW;
	facts.has_upstream = true;
}

/* One without a connection for a minute, which has replayed everything. */
static void
set_cut_off(void)
{
	set_streaming();
	facts.cut_off = true;
	facts.cut_off_since = NOW - RW_MINUTE;
	facts.lag = RW_MINUTE;
	facts.at_most = true;
}

static void
work_out(void)
{
	/* Nothing of the last state may be left. */
	memset(&state, 0x7f, sizeof(state));
	rw_standby_state(&state, &facts);
}

static void
test_primary(void)
{
	section("a primary");
	memset(&facts, 0, sizeof(facts));
	facts.now = NOW;
	work_out();
	is_int(state.sampled_at, NOW, "has a sample");
	is_int(state.missing_bytes, -1, "does not know what is missing");
	ok(!state.lag_known && !state.cut_off && !state.cascade,
	   "has no other state");
}

static void
test_lag(void)
{
	section("a standby that streams");
	set_streaming();
	work_out();
	ok(state.lag_known && state.stale_since == RW_NEVER &&
	   state.missing_bytes == 0, "nothing is missing");
	ok(!state.cascade, "no cascade");
	ok(!state.was_in_step, "it has not been in step");
	facts.was_in_step = true;
	facts.cut_off_since = NOW - RW_SECOND;
	work_out();
	ok(state.was_in_step, "it has");
	is_int(state.cut_off_since, RW_NEVER, "it is not cut off");
	is_int(state.parted, RW_NOT_PARTED, "it has not parted");
	facts.parted = RW_DIVERGED;
	facts.mark = 0x300;
	work_out();
	is_int(state.parted, RW_DIVERGED, "it has");
	is_uint(state.mark, 0x300, "there");
	facts.has_upstream = false;
	work_out();
	is_int(state.parted, RW_NOT_PARTED, "a primary has no upstream");
	set_streaming();
	facts.has_replicas = true;
	work_out();
	ok(state.cascade, "with replicas it is a cascade");

	section("a standby that is behind");
	set_streaming();
	facts.lag = 5 * RW_SECOND;
	facts.lag_bytes = 1000;
	work_out();
	ok(state.lag_known, "the lag is known");
	is_int(state.stale_since, NOW - 5 * RW_SECOND, "stale since");
	is_int(state.missing_bytes, 1000, "missing bytes");
	ok(!state.at_least && !state.at_most, "an exact lag");
	facts.at_least = true;
	work_out();
	ok(state.at_least && !state.at_most, "a lower bound");
	facts.lag = -1;
	facts.lag_bytes = -1;
	work_out();
	ok(!state.lag_known && state.stale_since == RW_NEVER, "an unknown lag");
	is_int(state.missing_bytes, -1, "unknown bytes");
}

static void
test_wal_elsewhere(void)
{
	section("WAL from elsewhere");
	set_cut_off();
	work_out();
	ok(state.cut_off, "cut off at the end of the WAL that it finds");
	is_int(state.cut_off_since, NOW - RW_MINUTE, "since then");
	is_int(state.missing_bytes, 0, "nothing known to be missing");

	facts.goes_on = true;
	work_out();
	ok(!state.cut_off && state.cut_off_since == RW_NEVER,
	   "not cut off while it goes on finding WAL");
	is_int(state.missing_bytes, -1, "missing bytes are unknown");
	ok(state.lag_known && state.at_most, "the bound stays");
	facts.cut_off = false;
	work_out();
	is_int(state.missing_bytes, -1,
		   "nor are they known where there is no upstream to ask");
	facts.cut_off = true;
	facts.lag_bytes = 1;
	work_out();
	ok(state.cut_off, "it is cut off while received WAL is left");
	is_int(state.missing_bytes, 1, "of which the bytes are known");
}

int
main(void)
{
	test_primary();
	test_lag();
	test_wal_elsewhere();
	return tap_end();
}
