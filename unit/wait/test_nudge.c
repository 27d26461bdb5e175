/*-------------------------------------------------------------------------
 *
 * test_nudge.c
 *	  Tests of src/wait/nudge.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/wait/nudge.h"
#include "unit/tap.h"

#define BEGIN	(1000 * RW_DAY)

/*
 * Nudge a standby as often as it may be, for as long as given, and return how
 * often that was.  It has replayed each nudge `delay` later, RW_NEVER: none.
 */
static int
nudge_for(RwNudged *nudged, int64 duration, int64 delay)
{
	RwTime		last = RW_NEVER;
	uint64		replayed = nudged->end;
	int			n = 0;

	for (RwTime now = BEGIN; now < BEGIN + duration; now += RW_MS)
	{
		RwTime		due;

		if (delay != RW_NEVER && n > 0 && now - last >= delay)
			replayed = 1000 + n;
		due = rw_nudge_due(nudged, replayed, last, now);
		if (due == RW_NEVER || now < due)
			continue;
		n++;
		rw_nudge_written(nudged, replayed, 1000 + n, now);
		last = now;
	}
	return n;
}

static bool
answered(RwReply reply, RwReply last, uint64 end)
{
	bool		requested = false;

	return rw_nudge_answered(&reply, &last, end, &requested);
}

int
main(void)
{
	section("how often");
	{
		RwNudged	nudged = {0};
		RwNudged	long_ago = {.end = 0,.at = BEGIN,.in_vain = 14};

		is_int(rw_nudge_due(&nudged, 500, RW_NEVER, BEGIN), BEGIN,
			   "the first one at once");
		is_int(rw_nudge_due(&nudged, 500, BEGIN, BEGIN + 10),
			   BEGIN + RW_NUDGE_MIN, "but not right after another standby's");
		is_int(rw_nudge_due(&long_ago, 500, BEGIN, BEGIN + RW_HOUR),
			   BEGIN + RW_NUDGE_MAX, "at last after the longest time");
		long_ago.in_vain = PG_UINT32_MAX;
		is_int(rw_nudge_due(&long_ago, 500, BEGIN, BEGIN + RW_HOUR),
			   BEGIN + RW_NUDGE_MAX, "which stays the longest");
	}
	{
		RwNudged	nudged = {0};
		int			n = nudge_for(&nudged, 16 * RW_SECOND, RW_MS);

		ok(n > 5 && n <= 15, "in vain: a few in the first seconds");
		is_int(nudge_for(&nudged, 100 * RW_SECOND, RW_MS), 10,
			   "and then one in ten seconds");
		nudged.in_vain = 0;
		ok(nudge_for(&nudged, 10 * RW_MS, RW_MS) >= 3,
		   "after an answer they begin anew");
	}
	{
		RwNudged	nudged = {0};
		int			n = nudge_for(&nudged, RW_HOUR, RW_NEVER);

		ok(n > 5 && n <= 11, "not replayed: a few in the first second");
		is_int(nudged.end, 1001, "the first one is remembered");
		is_int(rw_nudge_due(&nudged, 1000, BEGIN, BEGIN + RW_DAY), RW_NEVER,
			   "and none until that is replayed");
		ok(rw_nudge_due(&nudged, 1001, BEGIN, BEGIN + RW_DAY) != RW_NEVER,
		   "then there is one again");
		rw_nudge_written(&nudged, 1001, 2000, BEGIN);
		is_int(nudged.end, 2000, "which is the first one now");
	}

	section("which reply is an answer");
	{
		RwReply		last = {5000, 5000, 3000};
		bool		requested;

		ok(answered((RwReply) {5000, 5000, 4000}, last, 4000),
		   "to a nudge in the middle of WAL");
		ok(answered((RwReply) {5000, 5000, 4500}, last, 4000),
		   "also when replay has gone on");
		ok(!answered((RwReply) {5000, 5000, 3999}, last, 4000),
		   "not before the nudge");
		ok(!answered((RwReply) {5000, 5000, 4500}, last, 3000),
		   "not after it was reported");
		ok(!answered((RwReply) {5000, 5000, 4500}, last, 0),
		   "not without a nudge");
		ok(!answered((RwReply) {5000, 5000, 5000}, last, 4000),
		   "not when everything is replayed");
		ok(!answered((RwReply) {6000, 5000, 4000}, last, 4000),
		   "not when WAL was written");
		ok(!answered((RwReply) {5000, 5001, 4000}, last, 4000),
		   "not when WAL was flushed");

		last.write = last.flush = XLOG_BLCKSZ;
		ok(!answered((RwReply) {XLOG_BLCKSZ, XLOG_BLCKSZ, 4000}, last, 4000),
		   "not when all but part of a record may be replayed");
		last.write = last.flush = 2 * XLOG_BLCKSZ;
		ok(answered((RwReply) {2 * XLOG_BLCKSZ, 2 * XLOG_BLCKSZ, 4000}, last,
					4000),
		   "but when there is a page more");

		requested = true;
		last.write = last.flush = 5000;
		ok(!rw_nudge_answered(&(RwReply) {9000, 9000, 4000}, &last, 4000,
							  &requested) && requested,
		   "WAL that was received comes between a request and its reply");
		ok(!rw_nudge_answered(&(RwReply) {5000, 5000, 4000}, &last, 4000,
							  &requested) && !requested,
		   "not a reply that was requested");
	}
	return tap_end();
}
