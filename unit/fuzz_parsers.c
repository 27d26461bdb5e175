/*-------------------------------------------------------------------------
 *
 * fuzz_parsers.c
 *	  Feeds bytes to every parser but the port's.
 *
 * Built with clang's libFuzzer and sanitizers; "make fuzz" runs it, on the
 * inputs in unit/corpus/parsers and on those that it derives from them.  The
 * first byte of an input chooses the parser, the rest is what it reads.  What
 * comes from the network is read by the parser of the port (fuzz_request.c);
 * these read what users, files and other servers have written.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/name.h"
#include "src/base/units.h"
#include "src/history/lsntime.h"
#include "src/observe/archive_queue.h"
#include "src/observe/conninfo.h"
#include "src/observe/next_record.h"
#include "src/observe/standby_slots.h"
#include "src/observe/start_command.h"
#include "src/observe/timeline.h"
#include "src/port/intern.h"
#include "unit/fuzz.h"

/* An amount of the port's limits, an LSN, a commit token: written and read. */
static void
read_units(const char *text, size_t len)
{
	const char *end = text + len;
	const char *at = text;
	bool		is_time;
	int64		amount;
	uint64		system;
	uint32		tli;
	uint64		lsn;
	uint64		again;
	char		buffer[RW_TOKEN_WIDTH + 1];
	RwText		out;

	if (rw_amount_in(text, end, &is_time, &amount))
		MUST(amount >= 0);
	if (rw_take_token(&at, end, &system, &tli, &lsn))
	{
		MUST(at == text + RW_TOKEN_WIDTH && tli != 0);
		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_text_token(&out, system, tli, lsn);
		MUST(!out.full && strncasecmp(buffer, text, RW_TOKEN_WIDTH) == 0);
	}
	if (rw_lsn_in(text, &lsn))
	{
		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_text_lsn(&out, lsn);
		MUST(!out.full && rw_lsn_in(buffer, &again) && again == lsn);
	}
}

/* A timeline history file: of what is accepted, entries rise. */
static void
read_timeline(const char *text, size_t len)
{
	static RwTimeline timeline;
	uint64		end;

	if (!rw_timeline_parse(&timeline, 1000, text, len))
	{
		MUST(timeline.nentries == 0);
		return;
	}
	MUST(timeline.nentries > 1 && timeline.nentries <= RW_TIMELINE_MAX);
	for (int i = 1; i < timeline.nentries; i++)
		MUST(timeline.entries[i - 1].tli < timeline.entries[i].tli &&
			 timeline.entries[i - 1].end <= timeline.entries[i].end);
	MUST(rw_timeline_find(&timeline, 1000, &end) && end == PG_UINT64_MAX);
	MUST(rw_timeline_fork(&timeline, &timeline) == PG_UINT64_MAX);
}

/* A replication command, and the text of an error. */
static void
read_start_command(const char *text, size_t len)
{
	RwStartCommand command;
	XLogRecPtr	lsns[3];
	char		line[40];

	if (!rw_start_command_in(text, &command))
		MUST(command.slot[0] == '\0' && command.lsn == 0 && command.tli == 0);
	MUST(memchr(command.slot, '\0', RW_NAME_LEN) != NULL);
	MUST(rw_lsns_in(text, lsns, lengthof(lsns)) >= 0);
	rw_first_line(line, text, sizeof(line));
	MUST(strlen(line) < sizeof(line) && strchr(line, '\n') == NULL);
	(void) rw_upstream_answer(text);
}

static void
read_conninfo(const char *text, size_t len)
{
	char		value[RW_NAME_LEN];

	if (rw_conninfo_get(text, "application_name", value, sizeof(value)))
		MUST(value[0] != '\0' && strlen(value) < sizeof(value));
}

/* The setting synchronized_standby_slots, which is written to. */
static void
read_standby_slots(const char *text, size_t len)
{
	static RwSlotFacts slots[2];
	static RwFacts facts;
	RwStandbySlotFacts found;
	char	   *list = strdup(text);

	rw_name_copy(slots[0].name, "a");
	rw_name_copy(slots[1].name, "b_1");
	slots[1].restart_lsn = 10;
	facts.slots = slots;
	facts.nslots = lengthof(slots);
	facts.horizon = 100;
	rw_find_standby_slot(&facts, list, &found);
	MUST(memchr(found.name, '\0', RW_NAME_LEN) != NULL);
	free(list);
}

/* Names of files in archive_status, a line each. */
static void
read_archive_status(const char *text, size_t len)
{
	static RwArchiveQueue queue;
	char	   *names = strdup(text);
	char	   *rest = names;
	char	   *name;

	memset(&queue, 0, sizeof(queue));
	while ((name = strsep(&rest, "\n")) != NULL)
		rw_archive_queue_add(&queue, name);
	for (int kind = 0; kind < RW_ARCHIVE_KINDS; kind++)
	{
		MUST(queue.nfirst[kind] >= 0 &&
			 queue.nfirst[kind] <= RW_ARCHIVE_FIRST &&
			 queue.nfirst[kind] <= queue.nwaiting[kind]);
		for (int i = 1; i < queue.nfirst[kind]; i++)
			MUST(rw_archive_compare(queue.first[kind][i - 1],
									queue.first[kind][i]) <= 0);
	}
	free(names);
}

/* The points of a history file, whose checksum may be right by chance. */
static void
read_history(const char *bytes, size_t len)
{
	static RwHistory history;
	int			npoints = Min(len / sizeof(RwPoint), RW_HISTORY_POINTS);
	RwPoint    *points = malloc(Max(npoints, 1) * sizeof(RwPoint));

	if (npoints > 0)
		memcpy(points, bytes, npoints * sizeof(RwPoint));
	rw_history_init(&history);
	if (rw_history_import(&history, points, npoints, 0, 2000 * RW_DAY))
	{
		RwHistoryView view = {&history, PG_UINT64_MAX, 2000 * RW_DAY};
		RwTime		at;

		MUST(history.npoints == npoints);
		for (int i = 0; i < npoints; i++)
		{
			MUST(rw_history_reached(&view, history.points[i].lsn,
									&at) == RW_FOUND);
			MUST(at <= view.now);
		}
		rw_history_add(&history, 1, view.now);
		rw_history_cut(&history, 1);
	}
	else
		MUST(history.npoints == 0);
	free(points);
}

/* The setting listen_addresses. */
static void
read_addresses(const char *text, size_t len)
{
	RwAddresses list;
	RwPiece		where;
	char		out[RW_ADDRESS_LEN];

	if (rw_addresses_parse(text, &list, &where) != RW_ADDRESSES_FINE)
	{
		MUST(where.at >= text && where.at <= where.end &&
			 where.end <= text + len);
		return;
	}
	MUST(list.number >= 0 && list.number <= RW_LISTEN_MAX);
	for (int i = 0; i < list.number; i++)
	{
		MUST(memchr(list.addresses[i].scope, '\0', RW_SCOPE_LEN) != NULL);
		rw_address_write(&list.addresses[i], out);
		MUST(strlen(out) < sizeof(out));
		for (int j = 0; j < i; j++)
			MUST(!rw_address_equal(&list.addresses[i], &list.addresses[j]));
	}
}

/* Two pages of WAL, which may be old, torn or foreign. */
#define WAL_BEGIN	UINT64CONST(0x500000000)
#define WAL_LEN		(2 * XLOG_BLCKSZ)

typedef struct WalBytes
{
	const char *bytes;
	size_t		len;
} WalBytes;

static bool
read_page(void *context, uint64 lsn, void *buffer, size_t len)
{
	const WalBytes *wal = context;

	MUST(lsn / XLOG_BLCKSZ == (lsn + len - 1) / XLOG_BLCKSZ);
	if (lsn < WAL_BEGIN || lsn + len > WAL_BEGIN + WAL_LEN)
		return false;
	memset(buffer, 0, len);
	for (size_t i = 0; i < len && lsn - WAL_BEGIN + i < wal->len; i++)
		((char *) buffer)[i] = wal->bytes[lsn - WAL_BEGIN + i];
	return true;
}

static void
read_wal(const char *bytes, size_t len)
{
	WalBytes	content = {bytes, len};
	RwWal		wal = {1024 * 1024, read_page, &content};

	for (uint64 replay = 0; replay < 64; replay += MAXIMUM_ALIGNOF)
		(void) rw_next_record_is_partial(&wal, WAL_BEGIN + replay,
										 WAL_BEGIN + len);
}

/* What is written into JSON and labels stays one string. */
static void
write_quoted(const char *text, size_t len)
{
	char		buffer[64];
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_quoted(&out, text);
	MUST(out.len < sizeof(buffer) && strlen(buffer) == out.len);
	if (out.full)
		return;
	MUST(out.len >= 2 && buffer[0] == '"' && buffer[out.len - 1] == '"');
	for (size_t i = 1; i < out.len - 1; i++)
	{
		MUST(buffer[i] >= ' ' && buffer[i] <= '~' && buffer[i] != '"');
		if (buffer[i] == '\\')
			i++;
	}
}

static void (*const parsers[]) (const char *, size_t) =
{
	read_units,
	read_timeline,
	read_start_command,
	read_conninfo,
	read_standby_slots,
	read_archive_status,
	read_history,
	read_wal,
	write_quoted,
	read_addresses
};

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	char	   *text;

	if (size == 0)
		return 0;

	/* In memory of just that size: to read beyond it is an error. */
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	parsers[data[0] % lengthof(parsers)] (text, size - 1);
	free(text);
	return 0;
}
