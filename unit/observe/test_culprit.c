/*-------------------------------------------------------------------------
 *
 * test_culprit.c
 *	  Tests of src/observe/culprit.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "access/transam.h"

#include "src/observe/culprit.h"
#include "unit/tap.h"

#define SINCE	INT64CONST(844000000000000)
#define BEFORE	(SINCE - 1)
#define AFTER	(SINCE + 1)

static RwRecoveryFacts recovery;

static int
random_below(int n)
{
	static uint64 state = 4711;

	return (int) (next_random(&state) % n);
}

static void
forget(void)
{
	memset(&recovery, 0, sizeof(recovery));
}

/* Those that are blamed, as text: "12, 13 likely". */
static const char *
blamed(void)
{
	static char text[256];
	size_t		len = 0;

	text[0] = '\0';
	for (int i = 0; i < recovery.nblockers; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%d",
						i == 0 ? "" : ", ", recovery.blockers[i]);
	if (recovery.nblockers > 0 && recovery.blockers_likely)
		strcpy(text + len, " likely");
	return text;
}

static void
snapshots_are(const RwHolder *holders, int n, TransactionId horizon,
			  TimestampTz since, const char *wanted, const char *what)
{
	RwHolder	copies[32];

	memcpy(copies, holders, n * sizeof(RwHolder));
	forget();
	rw_blame_snapshots(&recovery, copies, n, horizon, since);
	is_text(blamed(), wanted, what);
}

static void
test_snapshots(void)
{
	const RwHolder holders[] = {
		{.pid = 1,.xmin = 110,.began = BEFORE},
		{.pid = 2,.xmin = 100,.began = BEFORE},
		{.pid = 3,.xmin = 90,.began = AFTER},
		{.pid = 4,.xmin = 95,.began = BEFORE},
		{.pid = 5,.xmin = InvalidTransactionId,.began = BEFORE},
	};
	const RwHolder unknown = {.pid = 6,.xmin = 100,.began = 0};
	const RwHolder round[] = {
		{.pid = 1,.xmin = 10,.began = BEFORE},
		{.pid = 2,.xmin = 4294967290u,.began = SINCE},
	};
	RwHolder	many[32];

	section("snapshots");
	snapshots_are(holders, 5, 105, SINCE, "4, 2",
				  "those that do not see the removed rows, oldest first");
	snapshots_are(holders, 5, 110, SINCE, "4, 2, 1",
				  "one of exactly that transaction does not");
	snapshots_are(holders, 5, 105, 0, "3, 4, 2 likely",
				  "likely, if it is not known since when replay waits");
	snapshots_are(holders, 5, 94, SINCE, "",
				  "nobody, if several may have given theirs back");
	snapshots_are(&holders[2], 1, 94, SINCE, "",
				  "nobody who came later");
	snapshots_are(&holders[4], 1, 94, SINCE, "5 likely",
				  "the only one that was there, if it has given its back");
	snapshots_are(&holders[2], 2, 94, SINCE, "4 likely",
				  "or has a newer one");
	snapshots_are(&holders[4], 1, 94, 0, "",
				  "unless it is not known since when replay waits");
	snapshots_are(&unknown, 1, 94, SINCE, "",
				  "nor one that began at no known time");
	snapshots_are(&unknown, 1, 105, SINCE, "6",
				  "which is blamed for its snapshot alone");
	snapshots_are(holders, 0, 94, SINCE, "", "nobody where nobody is");
	snapshots_are(round, 2, 5, SINCE, "2", "numbers go round");
	for (int i = 0; i < 32; i++)
		many[i] = (RwHolder)
	{
		.pid = 100 + i,.xmin = 1000 - i,.began = BEFORE
	};
	snapshots_are(many, 32, 2000, SINCE,
				  "131, 130, 129, 128, 127, 126, 125, 124",
				  "of many the oldest");
}

/* Nobody is blamed who came later, and nobody is left out who was there. */
static void
test_random_snapshots(void)
{
	int			wrong = 0;

	section("random snapshots");
	for (int round = 0; round < 20000; round++)
	{
		RwHolder	holders[RW_MAX_BLOCKERS];
		RwHolder	copies[RW_MAX_BLOCKERS];
		int			n = random_below(RW_MAX_BLOCKERS + 1);
		TransactionId horizon = (TransactionId) random_below(8) - 4;
		int			nguilty = 0;

		for (int i = 0; i < n; i++)
		{
			holders[i].pid = i + 1;
			holders[i].xmin = (TransactionId) random_below(20) - 10;
			holders[i].began = SINCE + (int64) random_below(5) - 2;
		}
		memcpy(copies, holders, sizeof(holders));
		forget();
		rw_blame_snapshots(&recovery, copies, n, horizon, SINCE);
		for (int i = 0; i < n; i++)
			nguilty += holders[i].began <= SINCE &&
				TransactionIdIsNormal(holders[i].xmin) &&
				(int32) (holders[i].xmin - horizon) <= 0;
		if (!recovery.blockers_likely && recovery.nblockers != nguilty)
			wrong++;
		if (recovery.blockers_likely &&
			(nguilty > 0 || recovery.nblockers != 1))
			wrong++;
		for (int i = 0; i < recovery.nblockers; i++)
			wrong += holders[recovery.blockers[i] - 1].began > SINCE;
	}
	is_int(wrong, 0, "the guilty, all of them, and nobody else");
}

static void
test_others(void)
{
	const RwHolder holders[] = {
		{.pid = 1,.xmin = InvalidTransactionId,.began = BEFORE},
		{.pid = 2,.xmin = 100,.began = AFTER},
		{.pid = 3,.xmin = 90,.began = BEFORE},
		{.pid = 4,.xmin = 80,.began = 0},
	};

	section("pins");
	forget();
	rw_blame_pins(&recovery, holders, 2);
	is_text(blamed(), "2 likely", "the only one with a snapshot");
	forget();
	rw_blame_pins(&recovery, holders, 3);
	is_text(blamed(), "", "of two, nobody");
	forget();
	rw_blame_pins(&recovery, holders, 1);
	is_text(blamed(), "", "nobody without a snapshot");

	section("a record of which nothing is known");
	forget();
	rw_blame_any_snapshot(&recovery, holders, 3, SINCE);
	is_text(blamed(), "3 likely", "the only snapshot that was there");
	forget();
	rw_blame_any_snapshot(&recovery, holders, 4, SINCE);
	is_text(blamed(), "", "of two, nobody");

	section("a tablespace");
	forget();
	rw_blame_transactions(&recovery, holders, 4, SINCE);
	is_text(blamed(), "1, 3", "all that are known to have been there");
}

static void
test_one_line(void)
{
	char		line[16];

	section("a query in one line");
	rw_one_line(line, " \n SELECT\t\r\n  1 \n", sizeof(line));
	is_text(line, "SELECT 1", "white space becomes a blank");
	rw_one_line(line, "", sizeof(line));
	is_text(line, "", "none");
	rw_one_line(line, "SELECT 1234567890", sizeof(line));
	is_text(line, "SELECT 12345678", "what does not fit is cut off");
	rw_one_line(line, "abc", 1);
	is_text(line, "", "however little room there is");
}

static void
test_settings(void)
{
	const int	here[] = {100, 8, 10, 0, 64};
	const int	primary[] = {100, 16, 5, 2, 64};

	section("settings");
	rw_find_low_settings(&recovery, here, primary);
	is_int(recovery.nlow, 2, "those that are lower");
	is_text(recovery.low[0].name, "max_worker_processes", "the first");
	is_int(recovery.low[0].here, 8, "its value here");
	is_int(recovery.low[0].needed, 16, "and on the primary");
	is_text(recovery.low[1].name, "max_prepared_transactions", "the second");
	rw_find_low_settings(&recovery, primary, primary);
	is_int(recovery.nlow, 0, "none that are equal");
}

int
main(void)
{
	test_snapshots();
	test_random_snapshots();
	test_others();
	test_one_line();
	test_settings();
	return tap_end();
}
