/*-------------------------------------------------------------------------
 *
 * test_told_upstream.c
 *	  Tests of src/tree/told_upstream.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/tree/told_upstream.h"
#include "unit/tap.h"

#define START		(1000 * RW_DAY)
#define PID			4711

static RwToldUpstream told;
static RwServer report;

/* Short forms: the times are seconds, and so are the answers. */
static void
begin(const char *title)
{
	section(title);
	memset(&told, 0, sizeof(told));
	memset(&report, 0, sizeof(report));
	report.id.part[1] = 1;
	report.role = RW_ROLE_STANDBY;
	report.tli = 1;
	report.of_primary = true;
}

static void
tell(double now, uint64 replay, double staleness)
{
	report.reported_at = START + now * RW_SECOND;
	report.replay = replay;
	report.staleness = staleness < 0 ? -1 : staleness * RW_SECOND;
	rw_told_upstream_add(&told, &report, PID);
}

static void
stale(double now, uint64 replay, double expected, const char *what)
{
	is_int(rw_told_upstream_staleness(&told, replay, 1,
									  START + now * RW_SECOND),
		   expected < 0 ? -1 : expected * RW_SECOND, what);
}

static void
test_marks(void)
{
	begin("marks");
	stale(0, 100, -1, "nothing was told");
	tell(10, 100, 2);
	is_int(told.told_at, START + 10 * RW_SECOND, "when it was told");
	is_int(told.receiver_pid, PID, "to which receiver");
	is_uint(told.id.part[1], 1, "by whom");
	ok(told.of_primary && !told.primary, "a standby, towards the primary");
	stale(10, 100, 2, "all that it had");
	stale(15, 100, 7, "five seconds later");
	stale(15, 200, 7, "more than it had");
	stale(10, 99, -1, "less than it had");
	stale(7, 100, 0, "never negative");

	tell(20, 200, 1);
	tell(30, 300, 21);
	stale(30, 199, 22, "between two marks: the lower one");
	stale(30, 200, 11, "the upper one");
	stale(30, 300, 11, "a later report that is staler adds nothing");
	tell(31, 300, 0);
	stale(31, 300, 0, "the same position, fresher");
	stale(31, 299, 12, "not below it");
	tell(32, 300, 0.5);
	stale(32, 300, 0.5, "and fresher again");
	tell(33, 300, 9);
	stale(33, 300, 1.5, "the same position, staler: what was known is true");
	tell(34, 400, -1);
	tell(35, 0, 0);
	stale(35, 400, 3.5, "it does not know its staleness, or its position");
	report.of_primary = false;
	tell(36, 400, 0);
	stale(36, 400, 4.5, "it does not know it towards the primary");
	ok(!told.of_primary, "and that is noted");
	is_int(told.told_at, START + 36 * RW_SECOND, "with the time");
	is_int(rw_told_upstream_staleness(&told, 400, 2, START), -1,
		   "another timeline");
}

static void
test_forgets(void)
{
	begin("what ends it");
	tell(10, 100, 0);
	tell(9, 90, 0);
	stale(10, 100, 0, "a report that is older than the last is passed over");
	report.id.part[1] = 0;
	tell(11, 110, 0);
	stale(11, 110, 1, "one without an id");
	report.id.part[1] = 1;
	tell(12, 120, 0);
	tell(13, 110, 0);
	stale(13, 100, -1, "the position has gone back: all marks");
	stale(13, 110, 0, "but the new one");
	report.id.part[1] = 2;
	tell(14, 120, 0);
	stale(14, 119, -1, "another server");
	stale(14, 120, 0, "begins anew");
	tell(13, 130, 0);
	report.id.part[1] = 1;
	tell(13, 130, 0);
	stale(13, 130, 0, "also if its report is older");
	report.tli = 2;
	tell(15, 140, 0);
	is_int(told.nmarks, 1, "another timeline");
	report.tli = 0;
	tell(16, 150, 0);
	is_int(told.nmarks, 0, "a timeline that is not known");
	report.tli = 1;
	report.reported_at = RW_NEVER;
	rw_told_upstream_add(&told, &report, PID);
	is_uint(told.tli, 0, "a server that has not reported");

	begin("a primary");
	report.role = RW_ROLE_PRIMARY;
	tell(10, 100, 0);
	ok(told.primary, "is one");
	is_int(told.nmarks, 0, "and needs no marks");
}

/*
 * Days of replay with pauses, told each second and sometimes more often.
 * What is said of any position of the past is never too fresh, and not much
 * too stale.
 */
static void
test_long(void)
{
	enum
	{
		LEN = 3 * 86400
	};
	static uint64 replayed[LEN];	/* by the upstream server, each second */
	static int	fresh[LEN];		/* the second up to which that is fresh */
	uint64		state = 20261129;
	uint64		lsn = 1000;
	int			stale_by = 0;
	int			too_fresh = 0;
	int			too_stale = 0;
	int			unknown = 0;
	int			disorder = 0;

	begin("three days");
	for (int t = 0; t < LEN; t++)
	{
		uint64		dice = next_random(&state);

		/* It falls behind now and then, and catches up quickly. */
		if (stale_by > 0 && dice % 100 > 1)
			stale_by = dice % 3 == 0 ? Max(stale_by - 5, 0) : stale_by + 1;
		else
			stale_by = dice % 1000 == 0 ? 1 : 0;
		fresh[t] = Max(t - stale_by, t > 0 ? fresh[t - 1] : 0);
		if (t > 0 && fresh[t] > fresh[t - 1] && dice % 7 < 5)
			lsn += 1 + dice % 100000;
		replayed[t] = lsn;
		tell(t, lsn, t - fresh[t]);

		for (int i = 1; i < told.nmarks; i++)
			disorder += told.marks[i].lsn <= told.marks[i - 1].lsn ||
				told.marks[i].fresh_at <= told.marks[i - 1].fresh_at;

		/* A replica that is this much behind the upstream server. */
		if (t > 1000)
		{
			int			behind = dice % 20 == 0 ? dice / 20 % t : dice % 60;
			int			then = t - behind;
			RwTime		truth;
			int64		said = rw_told_upstream_staleness(&told,
														  replayed[then], 1,
														  START + t * RW_SECOND);

			/* It has what was replayed until the next record came. */
			while (then < t && replayed[then + 1] == replayed[then])
				then++;
			truth = (RwTime) (t - fresh[then]) * RW_SECOND;
			unknown += said < 0;
			too_fresh += said >= 0 && said < truth;
			too_stale += said > truth * 2 + 10 * RW_SECOND;
		}
	}
	is_int(told.nmarks, RW_TOLD_MARKS, "all marks are in use");
	is_int(disorder, 0, "and in order");
	is_int(too_fresh, 0, "no position is said to be fresher than it is");
	is_int(too_stale, 0, "nor twice as stale");
	is_int(unknown, 0, "and of each something is known");
}

int
main(void)
{
	test_marks();
	test_forgets();
	test_long();
	return tap_end();
}
