/*-------------------------------------------------------------------------
 *
 * test_wal_disk.c
 *	  Tests of src/alert/wal_disk.c, with a server in simulated time.
 *
 * The server writes WAL, completes checkpoints that remove what nobody needs,
 * and keeps some of what they remove as files for WAL to come, as a real one
 * does.  Every five seconds its volume is looked at.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/alert/wal_disk.h"
#include "unit/tap.h"

#define MB			INT64CONST(1048576)
#define GB			(1024 * MB)
#define LOOK		(5 * RW_SECOND)
#define START		(100 * RW_DAY)

typedef struct Server
{
	/* How it is. */
	int64		size;			/* of the volume */
	int64		rate;			/* WAL a second, in a burst */
	RwTime		period;			/* of the bursts; 0: it writes all the time */
	RwTime		burst;			/* of each period */
	double		slowness;		/* checkpoints take so many times as long */
	bool		slot_stays;
	int64		slot_lag;		/* while it does not stay, at most */
	int64		archive_rate;	/* a second; -1: nothing is to be archived */
	RwTime		stays_from;		/* the slot, and the archiver's slowness */

	/* What happens. */
	RwTime		now;
	double		wal;
	double		redo;			/* of the checkpoint that is being made */
	double		redo_before;	/* of the one before it */
	double		oldest;
	double		future;			/* bytes in files for WAL to come */
	double		archived;
	RwTime		full_at;		/* RW_NEVER until it is */
	RwSlotFacts slot;
	RwFacts		facts;
	RwWalDisk	disk;
} Server;

static void
start_server(Server *server)
{
	memset(server, 0, sizeof(Server));
	server->size = 100 * GB;
	server->rate = 10 * MB;
	server->slowness = 1;
	server->archive_rate = -1;
	server->now = server->stays_from = START;
	server->wal = server->redo = server->redo_before = 1.0 * GB;
	server->oldest = server->archived = server->wal;
	server->slot.restart_lsn = server->wal;
	server->facts.slots = &server->slot;
	server->disk.volume.max_wal_size = GB;
	server->disk.volume.known = true;
}

static double
kept_from(const Server *server, double redo)
{
	double		kept = Min(redo, server->wal -
						   server->disk.volume.wal_keep_size);

	if (server->slot_stays)
		kept = Min(kept, (double) server->slot.restart_lsn);
	if (server->archive_rate >= 0)
		kept = Min(kept, server->archived);
	return Max(kept, server->oldest);
}

/* Checkpoints are as far apart as max_wal_size makes them. */
static void
make_checkpoints(Server *server)
{
	int64		max = server->disk.volume.max_wal_size;
	double		distance = max / 1.9;

	if (server->wal < server->redo + distance * 0.9 * server->slowness)
		return;
	if (server->redo > server->redo_before)
	{
		double		kept = kept_from(server, server->redo);
		double		removed = kept - server->oldest;
		double		room = max - (server->wal - kept) - server->future;

		server->oldest = kept;
		server->future += Max(Min(removed, room), 0);
		server->redo_before = server->redo;
	}
	if (server->wal >= server->redo + distance)
		server->redo = server->wal;
}

/* Go on for five seconds, and look at the volume. */
static void
run_server(Server *server)
{
	bool		holds = server->now >= server->stays_from;
	RwTime		in_period = server->period > 0 ?
		(server->now - START) % server->period : 0;
	double		written = server->period > 0 && in_period >= server->burst ?
		0 : server->rate * (double) (LOOK / RW_SECOND);
	double		used;

	server->now += LOOK;
	server->wal += written;
	server->future = Max(server->future - written, 0);
	server->archived = holds && server->archive_rate >= 0 ?
		Min(server->archived + server->archive_rate * (LOOK / RW_SECOND),
			server->wal) : server->wal;
	if (!server->slot_stays || !holds)
		server->slot.restart_lsn = server->wal -
			server->slot_lag * (server->now / LOOK % 7) / 7;
	make_checkpoints(server);

	used = server->wal - server->oldest + server->future;
	if (used >= server->size && server->full_at == RW_NEVER)
		server->full_at = server->now;

	server->facts.now = server->now;
	server->facts.horizon = server->wal;
	server->facts.nslots = server->slot_stays;
	server->disk.volume.at = server->now;
	server->disk.volume.size = server->size;
	server->disk.volume.free = Max(server->size - used, 0);
	server->disk.volume.oldest = server->oldest;
	server->disk.volume.unarchived = server->archive_rate >= 0 ?
		(XLogRecPtr) server->archived : InvalidXLogRecPtr;
	rw_wal_disk_add(&server->disk, &server->facts);
}

/* What was forecast while it ran until it was full. */
typedef struct Story
{
	int			n;				/* forecasts that count */
	double		worst;			/* error, as part of the time that was left */
	double		first;			/* the same, of the first below four hours */
	RwTime		noticed;		/* that was so long before it was full */
} Story;

#define MAX_LOOKS	100000

static void
tell_story(Server *server, Story *story)
{
	static struct
	{
		RwTime		at;
		int64		left;
	}			forecasts[MAX_LOOKS];
	int			n = 0;

	memset(story, 0, sizeof(Story));
	for (int i = 0; i < MAX_LOOKS && server->full_at == RW_NEVER; i++)
	{
		int64		left;

		run_server(server);
		if (rw_wal_disk_forecast(&server->disk, server->now, &left) !=
			RW_FORECAST_FULL)
			continue;
		forecasts[n].at = server->now;
		forecasts[n++].left = left;
	}
	for (int i = 0; i < n && server->full_at != RW_NEVER; i++)
	{
		RwTime		really = server->full_at - forecasts[i].at;
		double		error;

		error = fabs((double) (forecasts[i].left - really) / really);
		if (story->noticed == 0 && forecasts[i].left < 4 * RW_HOUR)
		{
			story->noticed = really;
			story->first = error;
		}
		/* Of a few bursts, or checkpoints, it matters when they are. */
		if (really < 10 * RW_MINUTE + 10 * server->period +
			4 * server->disk.volume.max_wal_size / server->rate * RW_SECOND ||
			forecasts[i].left > 8 * RW_HOUR)
			continue;
		story->n++;
		story->worst = Max(story->worst, error);
	}
}

/* A server of any size, on which WAL will be held some time after its start. */
static void
start_at_random(Server *server, uint64 *random)
{
	start_server(server);
	server->size = (20 + next_random(random) % 400) * GB;
	server->rate = (2 + next_random(random) % 60) * MB;
	server->slowness = 1 + (next_random(random) % 50) / 100.0;
	server->disk.volume.max_wal_size = (1 + next_random(random) % 8) * 512 * MB;
	server->slot_lag = server->disk.volume.max_wal_size / 10;
	server->disk.volume.wal_keep_size = next_random(random) % 2 * GB;
	server->stays_from = START + (next_random(random) % 7200) * RW_SECOND;
}

typedef enum Kind
{
	SLOT_STAYS,
	ARCHIVER_IS_STUCK,
	ARCHIVER_IS_SLOW,
	BURSTS
} Kind;

static void
test_full(Kind kind, const char *name)
{
	uint64		random = 42 + kind;
	double		worst = 0;
	double		first = 0;
	int			unnoticed = 0;
	int			n = 0;

	section(name);

	for (int i = 0; i < 40; i++)
	{
		Server		server;
		Story		story;

		start_at_random(&server, &random);
		server.slot_stays = kind == SLOT_STAYS || kind == BURSTS;
		if (kind == ARCHIVER_IS_STUCK)
			server.archive_rate = 0;
		else if (kind == ARCHIVER_IS_SLOW)
			server.archive_rate = server.rate / (2 + next_random(&random) % 3);
		else if (kind == BURSTS)
		{
			server.period = (12 + next_random(&random) % 120) * LOOK;
			server.burst = server.period / 10 * (1 + next_random(&random) % 9);
			/* It has been there for long enough to know the bursts. */
			server.stays_from = START + 20 * server.period +
				(next_random(&random) % 7200) * RW_SECOND;
		}
		tell_story(&server, &story);
		worst = Max(worst, story.worst);
		first = Max(first, story.first);
		n += story.n;

		/* Most of the time is left, or all that counts. */
		unnoticed += server.full_at == RW_NEVER ||
			story.noticed < Min((server.full_at - server.stays_from) / 2,
								4 * RW_HOUR - RW_MINUTE);
	}
	ok(n > 10000, "many forecasts");
	ok(worst < 0.2, "all are within 20% of the real moment");
	ok(first < 0.2, "so is the first one below the limit");
	is_int(unnoticed, 0, "and it comes in time");
	printf("# %d forecasts, off by %.3f at worst, the first ones by %.3f\n",
		   n, worst, first);
}

/* Nobody watches for a night, in which the server goes on or stands still. */
static void
test_gap(void)
{
	for (int goes_on = 0; goes_on <= 1; goes_on++)
	{
		Server		server;
		int64		before;
		int64		left;
		int			wrong = 0;

		section(goes_on ? "nobody watches" : "the machine is suspended");
		start_server(&server);
		server.size = 10000 * GB;
		server.rate = 40 * MB;
		server.slot_stays = true;
		for (int i = 0; i < 2 * RW_HOUR / LOOK; i++)
			run_server(&server);
		is_int(rw_wal_disk_forecast(&server.disk, server.now, &before),
			   RW_FORECAST_FULL, "it is filling up");

		server.now += 8 * RW_HOUR;
		if (goes_on)
			server.wal += 8 * 3600.0 * server.rate;
		server.facts.watch.resumed_at = server.now + LOOK;
		run_server(&server);
		is_int(rw_wal_disk_forecast(&server.disk, server.now, &left),
			   RW_FORECAST_UNKNOWN, "then nothing is known");
		for (int i = 0; i < RW_HOUR / LOOK; i++)
		{
			double		really;

			run_server(&server);
			if (rw_wal_disk_forecast(&server.disk, server.now,
									 &left) != RW_FORECAST_FULL)
			{
				wrong += i >= 4;
				continue;
			}
			really = (server.size - (server.wal - server.oldest)) /
				server.rate * RW_SECOND;
			wrong += fabs(left - really) > 0.2 * really;
		}
		is_int(wrong, 0, "until its rate is, without the night");
	}
}

/* Does it fill up at all, within a day? */
static int
forecasts_of_day(Server *server)
{
	int			n = 0;

	for (int i = 0; i < RW_DAY / LOOK; i++)
	{
		int64		left;

		run_server(server);
		n += rw_wal_disk_forecast(&server->disk, server->now, &left) !=
			RW_FORECAST_NEVER;
		n += left >= 0;
	}
	return n;
}

/* Loads during which pg_wal grows up to its size and stays there. */
static void
test_settles(void)
{
	uint64		random = 7;
	int			forecast = 0;
	int64		most = 0;

	section("nothing is held");

	for (int i = 0; i < 10; i++)
	{
		Server		server;

		start_at_random(&server, &random);
		server.stays_from = RW_DAY * 1000;
		server.slot_stays = next_random(&random) % 2;
		server.archive_rate = next_random(&random) % 2 ? 0 : -1;
		forecast += forecasts_of_day(&server);
		most = Max(most, (int64) (server.wal - server.oldest));
	}
	is_int(forecast, 0, "a bulk load that settles");
	ok(most > GB, "of some size");
}

/* After a quiet hour, a bulk load during which checkpoints are late. */
static void
test_late_checkpoints(void)
{
	static const double slowness[] = {2, 2.5, 3, 4, 6};
	static const int sizes[] = {20, 50, 100, 400};
	int			alarms = 0;
	int64		most = 0;

	section("checkpoints are late");

	for (int i = 0; i < lengthof(slowness) * lengthof(sizes); i++)
	{
		Server		server;

		start_server(&server);
		server.size = sizes[i % lengthof(sizes)] * GB;
		server.slowness = slowness[i / lengthof(sizes)];
		server.stays_from = RW_DAY * 1000;
		for (int j = 0; j < 2 * RW_HOUR / LOOK; j++)
		{
			int64		left;

			server.rate = j < RW_HOUR / LOOK ? MB : 60 * MB;
			run_server(&server);
			alarms += rw_wal_disk_forecast(&server.disk, server.now,
										   &left) == RW_FORECAST_FULL &&
				left < 4 * RW_HOUR;
			most = Max(most, (int64) (server.wal - server.oldest));
		}
	}
	is_int(alarms, 0, "a bulk load that settles above its size");
	ok(most > 4 * GB, "of some size");
}

/* No checkpoint completes any more. */
static void
test_no_checkpoint(void)
{
	Server		server;
	Story		story;

	section("no checkpoint completes");

	start_server(&server);
	server.slowness = 1e9;
	server.stays_from = RW_DAY * 1000;
	tell_story(&server, &story);
	ok(server.full_at != RW_NEVER, "it fills its volume");
	ok(story.noticed > (server.full_at - START) / 4,
	   "which is noticed in time");
	ok(story.first < 0.2, "and when that will be");
}

/* Looks at a volume, without a server. */
static RwFacts facts;
static RwSlotFacts slots[3];
static RwWalDisk disk;

static void
reset(void)
{
	memset(&facts, 0, sizeof(facts));
	memset(slots, 0, sizeof(slots));
	memset(&disk, 0, sizeof(disk));
	facts.slots = slots;
	facts.horizon = 100 * GB;
	disk.volume.max_wal_size = GB;
	disk.volume.wal_keep_size = GB / 2;
	disk.volume.oldest = facts.horizon - GB;
}

static void
test_holders(void)
{
	RwWalHolders holders;

	section("who holds WAL");

	reset();
	rw_wal_holders(&facts, &disk.volume, &holders);
	ok(holders.slot == NULL, "no slot");
	is_int(holders.by_slot, -1, "does not");
	is_int(holders.by_archiver, -1, "nor the archiver, if there is none");
	is_int(holders.held, 0, "nothing is held");
	is_int(rw_wal_allowed(&disk.volume), 3 * GB / 2, "what is allowed");

	facts.nslots = 3;
	slots[1].restart_lsn = facts.horizon - 3 * MB;
	slots[2].restart_lsn = facts.horizon - 2 * MB;
	rw_wal_holders(&facts, &disk.volume, &holders);
	ok(holders.slot == &slots[1], "the slot that is behind most");
	is_int(holders.by_slot, 3 * MB, "and by how much");
	is_int(holders.held, 3 * MB, "which is held");
	slots[1].wal_status = RW_WAL_LOST;
	rw_wal_holders(&facts, &disk.volume, &holders);
	ok(holders.slot == &slots[2], "but not one that is lost");
	slots[2].invalidation = "wal_removed";
	rw_wal_holders(&facts, &disk.volume, &holders);
	ok(holders.slot == NULL, "nor one that was invalidated");

	slots[0].restart_lsn = facts.horizon + MB;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.by_slot, 0, "one that is ahead holds nothing");
	disk.volume.unarchived = facts.horizon - 40 * MB;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.by_archiver, 40 * MB, "what is not archived");
	is_int(holders.held, 40 * MB, "is held");
	disk.volume.oldest = facts.horizon - 3 * GB;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.by_others, -1, "twice what is allowed is not held");
	disk.volume.oldest = facts.horizon - 3 * GB - 1;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.held, 3 * GB / 2 + 1, "but more shows that no checkpoint removes it");
	facts.in_recovery = true;
	facts.recovery.replay = facts.horizon - 50 * MB;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.held, 50 * MB, "on a standby what is not replayed");
	is_int(holders.by_others, -1, "whose checkpoints the primary decides on");
	facts.in_recovery = false;
	disk.volume.oldest = InvalidXLogRecPtr;
	rw_wal_holders(&facts, &disk.volume, &holders);
	is_int(holders.held, 40 * MB, "if that is known");
	is_int(holders.by_replay, -1, "a primary does not replay");
}

/* Look `seconds` after the start, with so much written since. */
static RwForecast
look(int seconds, int64 written, int64 *left)
{
	disk.volume.at = facts.now = START + seconds * RW_SECOND;
	facts.horizon = 100 * GB + written;
	disk.volume.free = 100 * GB - written;
	rw_wal_disk_add(&disk, &facts);
	return rw_wal_disk_forecast(&disk, facts.now, left);
}

static void
test_limits(void)
{
	int64		left;

	section("limits");

	reset();
	facts.nslots = 1;
	slots[0].restart_lsn = facts.horizon - 3 * GB / 2;
	is_int(look(0, 0, &left), RW_FORECAST_NEVER, "no more than is allowed");
	is_int(left, -1, "without a time");
	reset();
	facts.nslots = 1;
	slots[0].restart_lsn = facts.horizon - 3 * GB / 2;
	is_int(look(0, 1, &left), RW_FORECAST_UNKNOWN, "more: not known at once");
	is_int(look(15, 15 * MB, &left), RW_FORECAST_UNKNOWN, "nor yet");
	is_int(look(30, 30 * MB, &left), RW_FORECAST_FULL, "but after a while");
	is_int(left / RW_SECOND, 100 * 1024 - 30, "at the rate since");
	is_int(rw_wal_disk_forecast(&disk, facts.now + 3 * RW_SECOND, &left),
		   RW_FORECAST_FULL, "between two looks");
	is_int(left / RW_SECOND, 100 * 1024 - 33, "time goes on");
	is_int(look(60, 30 * MB, &left), RW_FORECAST_FULL, "no WAL since");
	is_int(left / RW_SECOND, 2 * (100 * 1024 - 30), "gives it more time");
	slots[0].restart_lsn = facts.horizon - GB;
	is_int(look(65, 31 * MB, &left), RW_FORECAST_NEVER, "it has moved on");

	reset();
	facts.nslots = 1;
	slots[0].restart_lsn = facts.horizon - 3 * GB;
	look(0, 0, &left);
	is_int(look(60, 0, &left), RW_FORECAST_NEVER, "no WAL at all");
	is_int(look(65, -GB / 4, &left), RW_FORECAST_UNKNOWN,
		   "another timeline: it begins anew");
	disk.volume.free = 0;
	is_int(rw_wal_disk_forecast(&disk, facts.now + 31 * RW_SECOND, &left),
		   RW_FORECAST_UNKNOWN, "a look that is old does not count as time");
	look(100, 0, &left);
	disk.volume.free = 0;
	is_int(rw_wal_disk_forecast(&disk, facts.now, &left), RW_FORECAST_FULL,
		   "nothing is free");
	is_int(left, 0, "so it is full now");

	/* 0.2 GB a second, and a slot comes a second before a look. */
	reset();
	disk.volume.oldest = InvalidXLogRecPtr;
	for (int i = 0; i <= 12; i++)
		look(5 * i, i * GB, &left);
	facts.nslots = 1;
	slots[0].restart_lsn = facts.horizon + GB / 5 * 4;
	look(65, 13 * GB, &left);
	look(70, 14 * GB, &left);
	is_int(look(75, 15 * GB, &left), RW_FORECAST_FULL,
		   "a slot that came between two looks");
	is_int(left / RW_SECOND, 85 * 5, "holds all that is written since");
}

int
main(void)
{
	test_holders();
	test_limits();
	test_full(SLOT_STAYS, "a slot that stays");
	test_full(ARCHIVER_IS_STUCK, "an archiver that is stuck");
	test_full(ARCHIVER_IS_SLOW, "an archiver that is slow");
	test_full(BURSTS, "WAL in bursts");
	test_gap();
	test_settles();
	test_late_checkpoints();
	test_no_checkpoint();
	return tap_end();
}
