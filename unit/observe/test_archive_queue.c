/*-------------------------------------------------------------------------
 *
 * test_archive_queue.c
 *	  Tests of src/observe/archive_queue.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/observe/archive_queue.h"
#include "unit/tap.h"

/* The C library's, because these programs are linked without libpgport. */
#undef qsort

#define S		RW_SECOND
#define START	(100 * RW_DAY)

#define FIRST	"000000010000000000000001"
#define SECOND	"000000010000000000000002"
#define LABEL	"000000010000000000000001.00000028.backup"
#define PART	"000000010000000000000003.partial"
#define HISTORY	"00000002.history"

static RwArchiveQueue queue;

/* What waits of a kind, in order. */
static const char *
waiting(RwArchiveKind kind)
{
	static char text[RW_ARCHIVE_FIRST * (RW_ARCHIVE_NAME_LEN + 1) + 32];

	snprintf(text, sizeof(text), "%d:", (int) queue.nwaiting[kind]);
	for (int i = 0; i < queue.nfirst[kind]; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
				 queue.first[kind][i]);
	return text;
}

static void
test_names(void)
{
	static const char *const others[] = {
		".", "..", FIRST, FIRST ".done", FIRST ".ready.tmp", "ready", ".ready",
		"00000001000000000000000g.ready", "0000002.history.ready",
		"0000000000000000000000000000000000000000A.ready"
	};

	section("names");

	memset(&queue, 0, sizeof(queue));
	for (int i = 0; i < lengthof(others); i++)
		rw_archive_queue_add(&queue, others[i]);
	is_int(queue.nwaiting[RW_ARCHIVE_SEGMENT] +
		   queue.nwaiting[RW_ARCHIVE_OTHER], 0, "these do not wait");

	rw_archive_queue_add(&queue, SECOND ".ready");
	rw_archive_queue_add(&queue, PART ".ready");
	rw_archive_queue_add(&queue, LABEL ".ready");
	rw_archive_queue_add(&queue, HISTORY ".ready");
	rw_archive_queue_add(&queue, FIRST ".ready");
	is_text(waiting(RW_ARCHIVE_SEGMENT), "2: " FIRST " " SECOND,
			"segments are in order");
	is_text(waiting(RW_ARCHIVE_OTHER), "3: " HISTORY " " LABEL " " PART,
			"the rest: history first, then by name");

	ok(rw_archive_compare("000000FF.history", FIRST) < 0,
	   "history goes before segments");
	ok(rw_archive_compare(FIRST, HISTORY) > 0, "segments go after it");
	ok(rw_archive_compare("00000003.history", HISTORY) > 0,
	   "of two histories the lower one is first");
	ok(rw_archive_compare(FIRST, LABEL) < 0, "a label goes after its segment");
	ok(rw_archive_compare(LABEL, SECOND) < 0, "and before the next one");
	is_int(rw_archive_compare(FIRST, FIRST), 0, "equal names");
}

static int
compare_names(const void *a, const void *b)
{
	return rw_archive_compare(a, b);
}

/* Some name of each form, often one that was there before. */
static void
any_name(char *name, uint64 *random)
{
	int			n = next_random(random) % 300;
	int			tli = next_random(random) % 3 + 1;

	switch (next_random(random) % 8)
	{
		case 0:
			snprintf(name, RW_ARCHIVE_NAME_LEN, "%08X.history", n);
			break;
		case 1:
			snprintf(name, RW_ARCHIVE_NAME_LEN, "%08X%016X.%08X.backup", tli,
					 n, n);
			break;
		case 2:
			snprintf(name, RW_ARCHIVE_NAME_LEN, "%08X%016X.partial", tli, n);
			break;
		default:
			snprintf(name, RW_ARCHIVE_NAME_LEN, "%08X%016X", tli, n);
			break;
	}
}

/* In whatever order names are read, the first ones are found. */
static void
test_names_at_random(void)
{
	uint64		random = 20261129;
	int			wrong = 0;

	section("names, at random");

	for (int n = 0; n < 2000; n++)
	{
		static char names[RW_ARCHIVE_KINDS][64][RW_ARCHIVE_NAME_LEN];
		int			nnames[RW_ARCHIVE_KINDS] = {0, 0};

		memset(&queue, 0, sizeof(queue));
		for (int i = next_random(&random) % 64; i > 0; i--)
		{
			char		name[RW_ARCHIVE_NAME_LEN];
			char		file[64];
			RwArchiveKind kind;

			any_name(name, &random);
			kind = strlen(name) == 24 ? RW_ARCHIVE_SEGMENT : RW_ARCHIVE_OTHER;
			strcpy(names[kind][nnames[kind]++], name);
			snprintf(file, sizeof(file), "%s.ready", name);
			rw_archive_queue_add(&queue, file);
			snprintf(file, sizeof(file), "%s.done", name);
			rw_archive_queue_add(&queue, file);
		}
		for (int kind = 0; kind < RW_ARCHIVE_KINDS; kind++)
		{
			qsort(names[kind], nnames[kind], RW_ARCHIVE_NAME_LEN,
				  compare_names);
			wrong += queue.nwaiting[kind] != nnames[kind] ||
				queue.nfirst[kind] != Min(nnames[kind], RW_ARCHIVE_FIRST);
			for (int i = 0; i < queue.nfirst[kind]; i++)
				wrong += strcmp(queue.first[kind][i], names[kind][i]) != 0;
		}
	}
	is_int(wrong, 0, "the first of each kind, and how many there are");
}

static void
test_age(void)
{
	RwArchiveFile file;

	section("since when a file waits");

	memset(&file, 0, sizeof(file));
	rw_archive_note_file(&file, FIRST, 1000, 40 * S, RW_NEVER, START);
	is_text(file.name, FIRST, "its name");
	is_int(file.since, START - 40 * S, "as its .ready file says");
	rw_archive_note_file(&file, FIRST, 1000, 4000 * S, RW_NEVER,
						 START + 5 * S);
	is_int(file.since, START - 40 * S, "the wall clock steps forward");
	rw_archive_note_file(&file, FIRST, 1000, -4000 * S, RW_NEVER,
						 START + 5 * S);
	is_int(file.since, START - 40 * S, "or back");
	rw_archive_note_file(&file, FIRST, 2000, 3 * S, RW_NEVER, START + 5 * S);
	is_int(file.since, START + 2 * S, "it waits again, having been archived");
	rw_archive_note_file(&file, SECOND, 2000, -S, RW_NEVER, START + 9 * S);
	is_int(file.since, START + 9 * S, "ready in the future is ready now");
	rw_archive_note_file(&file, FIRST, 1, 4000 * S, START, START + 5 * S);
	is_int(file.since, START, "not before the last look at which none waited");
}

static void
test_oldest(void)
{
	RwArchiveFacts archive;
	RwArchiveFile *segment = &archive.first[RW_ARCHIVE_SEGMENT];
	RwArchiveFile *other = &archive.first[RW_ARCHIVE_OTHER];

	section("the oldest");

	memset(&archive, 0, sizeof(archive));
	ok(rw_archive_oldest(&archive) == NULL, "nothing waits");
	rw_archive_note_file(other, HISTORY, 1, S, RW_NEVER, START);
	ok(rw_archive_oldest(&archive) == other, "a history alone");
	rw_archive_note_file(segment, FIRST, 1, 2 * S, RW_NEVER, START);
	ok(rw_archive_oldest(&archive) == segment,
	   "a segment that is older, though it is not next");
	rw_archive_note_file(other, LABEL, 1, 3 * S, RW_NEVER, START);
	ok(rw_archive_oldest(&archive) == other, "a label that is older");
	memset(other, 0, sizeof(*other));
	ok(rw_archive_oldest(&archive) == segment, "a segment alone");
}

static void
test_interval(void)
{
	RwArchiveFacts archive;

	section("when to look");

	memset(&archive, 0, sizeof(archive));
	ok(rw_archive_look_is_due(&archive, START), "at first");
	archive.looked_at = START;
	ok(!rw_archive_look_is_due(&archive, START + 5 * S - 1), "not yet");
	ok(rw_archive_look_is_due(&archive, START + 5 * S), "after 5 s");
	archive.nentries = 100000;
	ok(!rw_archive_look_is_due(&archive, START + 66 * S),
	   "not yet with 100,000 files");
	ok(rw_archive_look_is_due(&archive, START + 67 * S), "after 67 s");
}

static void
test_process(void)
{
	RwArchiveFacts archive;

	section("the archiver's process");

	memset(&archive, 0, sizeof(archive));
	rw_archive_note_process(&archive, 0, 0, START);
	rw_archive_note_process(&archive, 0, 0, START + 5 * S);
	is_int(archive.gone_since, START, "gone since it was first missed");
	rw_archive_note_process(&archive, 11, 100, START + 10 * S);
	is_int(archive.pid, 11, "there");
	is_int(archive.gone_since, RW_NEVER, "no longer gone");
	is_int(archive.restarted_at, RW_NEVER, "it is the first");
	rw_archive_note_process(&archive, 11, 100, START + 15 * S);
	is_int(archive.restarted_at, RW_NEVER, "the same");
	rw_archive_note_process(&archive, 0, 0, START + 20 * S);
	rw_archive_note_process(&archive, 11, 200, START + 25 * S);
	is_int(archive.restarted_at, START + 25 * S,
		   "another one, even with the same pid");
}

static void
test_archiver(void)
{
	RwArchiveFacts archive;
	int64		patience = 100 * S;

	section("what the archiver does");

	memset(&archive, 0, sizeof(archive));
	archive.looked_at = START;
	rw_archive_note_file(&archive.first[RW_ARCHIVE_SEGMENT], FIRST, 1, 60 * S,
						 RW_NEVER, START);
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_NOT_SET,
		   "neither command nor library");
	archive.by = RW_ARCHIVE_BY_COMMAND;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_GONE,
		   "no process");
	archive.pid = 11;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_HANGS,
		   "it has never finished anything");
	archive.archived_at = START - 60 * S;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_HANGS,
		   "nothing since the oldest waits");
	archive.archived_at++;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_ARCHIVES,
		   "something since then");
	archive.failed_at = archive.archived_at + 1;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_FAILS,
		   "and failed after that");
	archive.restarted_at = archive.failed_at + 1;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_RESTARTS,
		   "and restarted after that");
	archive.archived_at = archive.restarted_at;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_ARCHIVES,
		   "and archives since");
	archive.first[RW_ARCHIVE_SEGMENT].since = START - RW_HOUR;
	archive.restarted_at = archive.archived_at = archive.failed_at =
		START - patience;
	archive.restarted_at++;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_RESTARTS,
		   "a restart a while ago");
	archive.restarted_at -= 2;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_ARCHIVES,
		   "work a while ago");
	archive.looked_at++;
	is_int(rw_archiver_does(&archive, patience), RW_ARCHIVER_HANGS,
		   "nothing for too long");
}

/*
 * An archiver in simulated time that takes files in its own order, so long for
 * each, while looks are made every 5 s: what the look finds to be the oldest
 * is the oldest of all that wait.  Returns the longest wait that was seen.
 */
static int64
simulate(int segments, int64 between, int64 takes, uint64 *random, int *wrong)
{
	enum
	{
		MAX_FILES = 300
	};
	char		names[MAX_FILES][RW_ARCHIVE_NAME_LEN];
	RwTime		ready[MAX_FILES];
	bool		waits[MAX_FILES] = {false};
	RwArchiveFacts archive;
	RwTime		busy_until = START;
	int64		longest = 0;
	int			nfiles = 0;
	int			nsegments = 0;
	int			next = -1;

	memset(&archive, 0, sizeof(archive));
	for (RwTime now = START; now < START + 600 * S; now += S / 2)
	{
		const RwArchiveFile *oldest;
		RwTime		truth = RW_NEVER;

		/* A segment is finished, and now and then something that overtakes. */
		while (nsegments < segments && now - START >= nsegments * between)
		{
			snprintf(names[nfiles], RW_ARCHIVE_NAME_LEN, "%08X%016X", 1,
					 ++nsegments);
			waits[nfiles] = true;
			ready[nfiles++] = now;
			if (next_random(random) % 16 == 0)
			{
				snprintf(names[nfiles], RW_ARCHIVE_NAME_LEN,
						 "%08X%016X.%08X.backup", 1, nsegments / 2,
						 nsegments);
				waits[nfiles] = true;
				ready[nfiles++] = now;
			}
		}
		/* The archiver. */
		if (next >= 0 && now >= busy_until)
			waits[next] = false;
		if (now >= busy_until)
		{
			next = -1;
			for (int i = 0; i < nfiles; i++)
			{
				if (waits[i] && (next < 0 ||
								 rw_archive_compare(names[i], names[next]) < 0))
					next = i;
			}
			busy_until = now + takes;
		}
		/* The look. */
		if (!rw_archive_look_is_due(&archive, now))
			continue;
		memset(&queue, 0, sizeof(queue));
		for (int i = 0; i < nfiles; i++)
		{
			char		file[64];

			snprintf(file, sizeof(file), "%s.ready", names[i]);
			if (waits[i])
			{
				rw_archive_queue_add(&queue, file);
				if (truth == RW_NEVER || ready[i] < truth)
					truth = ready[i];
			}
		}
		archive.looked_at = now;
		for (int kind = 0; kind < RW_ARCHIVE_KINDS; kind++)
		{
			const char *name = queue.first[kind][0];

			memset(&archive.first[kind], 0,
				   queue.nfirst[kind] == 0 ? sizeof(RwArchiveFile) : 0);
			for (int i = 0; i < nfiles && queue.nfirst[kind] > 0; i++)
			{
				if (strcmp(names[i], name) == 0)
					rw_archive_note_file(&archive.first[kind], name, ready[i],
										 now - ready[i], archive.empty_at,
										 now);
			}
		}
		oldest = rw_archive_oldest(&archive);
		*wrong += (oldest ? oldest->since : RW_NEVER) != truth;
		if (oldest)
			longest = Max(longest, now - oldest->since);
		else
			archive.empty_at = now;
	}
	return longest;
}

static void
test_simulated(void)
{
	uint64		random = 20261130;
	int			wrong = 0;
	int			late = 0;

	section("an archiver in simulated time");

	ok(simulate(100, 0, 2 * S, &random, &wrong) < 300 * S,
	   "a burst that is worked off within the timeout never gets there");
	ok(simulate(250, S, 3 * S, &random, &wrong) > 300 * S,
	   "an archiver slower than the WAL does");
	ok(simulate(1, S, RW_HOUR, &random, &wrong) > 590 * S,
	   "one that hangs does");
	ok(simulate(200, 3 * S, 2 * S, &random, &wrong) < 60 * S,
	   "one that keeps up stays far from it");
	ok(simulate(0, S, S, &random, &wrong) == 0, "nothing to do is no wait");
	for (int n = 0; n < 100; n++)
		late += simulate(next_random(&random) % 140,
						 next_random(&random) % (10 * S),
						 next_random(&random) % (20 * S) + 1, &random,
						 &wrong) > 600 * S;
	is_int(late, 0, "no wait is longer than time has passed");
	is_int(wrong, 0, "what is found has waited longest of all");
}

int
main(void)
{
	test_names();
	test_names_at_random();
	test_age();
	test_oldest();
	test_interval();
	test_process();
	test_archiver();
	test_simulated();
	return tap_end();
}
