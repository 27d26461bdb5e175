/*-------------------------------------------------------------------------
 *
 * test_next_record.c
 *	  Tests of src/observe/next_record.c.
 *
 * A writer of WAL, byte by byte, fills a few segments of memory with records,
 * and notes where each starts and ends.  What is beyond the end of the WAL that
 * is "here" may not be read.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "access/xlog_internal.h"
#include "access/xlogrecord.h"
#include "catalog/pg_control.h"

#include "src/observe/next_record.h"
#include "unit/tap.h"

#define SEGMENT			(1024 * 1024)
#define SEGMENTS		4
#define BASE			UINT64CONST(0x500000000)
#define MAX_RECORDS		20000

typedef struct Record
{
	uint64		replay;			/* the end of the one before, as replay has it */
	uint64		start;
	uint64		end;			/* of its last byte */
	int			pages;			/* that it reaches into, after the first */
} Record;

static char memory[SEGMENTS * SEGMENT];
static Record records[MAX_RECORDS];
static int	nrecords;
static uint64 at;				/* where the writer is */
static uint64 state;

/* Where the WAL that is here ends, and how often it was read beyond that. */
static uint64 limit;
static int	read_beyond;
static int	nreads;

static bool
read_memory(void *context, uint64 lsn, void *buffer, size_t len)
{
	nreads++;
	if (lsn < BASE || lsn + len > BASE + sizeof(memory) ||
		lsn / XLOG_BLCKSZ != (lsn + len - 1) / XLOG_BLCKSZ)
		return false;
	if (lsn + len > limit)
		read_beyond++;
	memcpy(buffer, memory + (lsn - BASE), len);
	return true;
}

static const RwWal wal = {SEGMENT, read_memory, NULL};

static bool
is_partial(uint64 replay, uint64 end)
{
	limit = end;
	return rw_next_record_is_partial(&wal, replay, end);
}

/* Before each byte that comes first on a page there is the page's header. */
static void
begin_page(uint16 info, uint32 rem_len)
{
	XLogPageHeaderData header = {0};

	if (at % XLOG_BLCKSZ != 0)
		return;
	header.xlp_magic = XLOG_PAGE_MAGIC;
	header.xlp_info = info | (at % SEGMENT == 0 ? XLP_LONG_HEADER : 0);
	header.xlp_pageaddr = at;
	header.xlp_rem_len = rem_len;
	memset(memory + (at - BASE), 0, SizeOfXLogLongPHD);
	memcpy(memory + (at - BASE), &header, sizeof(header));
	at += at % SEGMENT == 0 ? SizeOfXLogLongPHD : SizeOfXLogShortPHD;
}

static void
begin_wal(void)
{
	memset(memory, 0x55, sizeof(memory));
	nrecords = 0;
	at = BASE;
}

/* Write the first `len` bytes of a record that is `total` long. */
static void
write_part(uint32 total, uint32 len, uint16 page_info, uint8 info)
{
	Record	   *record = &records[nrecords];
	XLogRecord	header = {0};

	record->replay = at;
	record->pages = 0;
	begin_page(page_info, 0);
	record->start = at;
	header.xl_tot_len = total;
	header.xl_prev = nrecords > 0 ? records[nrecords - 1].start : 0;
	header.xl_rmid = RM_XLOG_ID;
	header.xl_info = info;
	for (uint32 i = 0; i < len; i++)
	{
		record->pages += i > 0 && at % XLOG_BLCKSZ == 0;
		if (i > 0)
			begin_page(XLP_FIRST_IS_CONTRECORD, total - i);
		memory[at++ - BASE] = i < SizeOfXLogRecord ?
			((char *) &header)[i] : 'x';
	}
	record->end = at;
	at = MAXALIGN64(at);
	nrecords++;
}

static void
write_record(uint32 len)
{
	write_part(len, len, 0, XLOG_FPI);
}

/* A switch of segments, with nothing but empty pages behind it. */
static void
write_switch(void)
{
	write_part(SizeOfXLogRecord, SizeOfXLogRecord, 0, XLOG_SWITCH);
	if (at % SEGMENT != 0)
		at += SEGMENT - at % SEGMENT;
}

/* A length that is often small, and sometimes many pages. */
static uint32
random_len(void)
{
	uint32		most = next_random(&state) % 8 != 0 ? 300 :
		next_random(&state) % 8 != 0 ? 20000 : 300000;

	return SizeOfXLogRecord + next_random(&state) % most;
}

/* Write records, of which some end exactly where a page does. */
static void
fill_randomly(uint64 until)
{
	while (at < until && nrecords < MAX_RECORDS)
	{
		uint32		room = XLOG_BLCKSZ - at % XLOG_BLCKSZ;

		if (room >= SizeOfXLogRecord && room < XLOG_BLCKSZ &&
			next_random(&state) % 20 == 0)
			write_record(room - next_random(&state) % 8);
		else if (next_random(&state) % 3000 == 0)
			write_switch();
		else
			write_record(random_len());
	}
}

static void
test_positions(void)
{
	uint64		replay;

	section("Within a page");
	begin_wal();
	write_record(100);
	replay = at;
	write_record(200);
	ok(is_partial(replay, replay), "nothing is here");
	ok(is_partial(replay, replay + 3), "not even the length");
	ok(is_partial(replay, replay + SizeOfXLogRecord - 1),
	   "not all of the header");
	ok(is_partial(replay, replay + SizeOfXLogRecord), "just the header");
	ok(is_partial(replay, replay + 199), "all but a byte");
	ok(!is_partial(replay, replay + 200), "all of it");
	ok(!is_partial(replay, replay + 250), "and more");

	section("From the end of a page on");
	begin_wal();
	write_record(XLOG_BLCKSZ - SizeOfXLogLongPHD - 8);
	replay = at;
	write_record(100);
	ok(is_partial(replay, replay + 8), "what fits on the page");
	ok(is_partial(replay, replay + 8 + SizeOfXLogShortPHD),
	   "and the header of the next page");
	ok(is_partial(replay, replay + SizeOfXLogShortPHD + 99),
	   "all but a byte");
	ok(!is_partial(replay, replay + SizeOfXLogShortPHD + 100), "all of it");

	section("From the start of a page on");
	begin_wal();
	write_record(XLOG_BLCKSZ - SizeOfXLogLongPHD);
	replay = at;
	is_uint(replay % XLOG_BLCKSZ, 0, "replay ends with the page");
	write_record(100);
	ok(is_partial(replay, replay + 10), "a part of the page's header");
	ok(is_partial(replay, replay + SizeOfXLogShortPHD), "the header");
	ok(is_partial(replay, replay + SizeOfXLogShortPHD + 99),
	   "all but a byte");
	ok(!is_partial(replay, replay + SizeOfXLogShortPHD + 100), "all of it");
	ok(is_partial(replay + SizeOfXLogShortPHD,
				  replay + SizeOfXLogShortPHD + 99),
	   "replay that started after the header");
	ok(!is_partial(replay + SizeOfXLogShortPHD,
				   replay + SizeOfXLogShortPHD + 100), "all of it");

	section("From the start of a segment on");
	begin_wal();
	write_record(100);
	write_switch();
	replay = at;
	is_uint(replay, BASE + SEGMENT, "after a switch");
	write_record(100);
	ok(is_partial(replay, replay + SizeOfXLogLongPHD + 99),
	   "all but a byte");
	ok(!is_partial(replay, replay + SizeOfXLogLongPHD + 100), "all of it");

	section("A switch of segments");
	ok(is_partial(records[1].replay, records[1].end - 1), "all but a byte");
	ok(!is_partial(records[1].replay, records[1].end), "the record itself");
	is_int(read_beyond, 0, "nothing beyond the end was read");
}

static void
test_long(void)
{
	uint64		replay;
	uint64		end;

	section("Long records");
	begin_wal();
	write_record(100);
	replay = at;
	write_record(RW_RECORD_MAX_PAGES * XLOG_BLCKSZ + 100000);
	end = replay + (RW_RECORD_MAX_PAGES - 1) * XLOG_BLCKSZ;
	ok(is_partial(replay, end), "as far as they are followed");
	nreads = 0;
	ok(!is_partial(replay, end + 2 * XLOG_BLCKSZ), "but not farther");
	ok(nreads <= RW_RECORD_MAX_PAGES + 4, "which bounds what is read");
	is_int(read_beyond, 0, "nothing beyond the end was read");
}

static void
test_random(void)
{
	int			wrong = 0;
	int			partial = 0;
	int			crossing = 0;

	section("Random records");
	for (int round = 0; round < 5; round++)
	{
		begin_wal();
		fill_randomly(BASE + (SEGMENTS - 1) * (uint64) SEGMENT);
		for (int i = 1; i < nrecords; i++)
		{
			const Record *record = &records[i];
			uint64		most = Min(record->end - record->replay + 10000,
								   at - record->replay);
			uint64		ends[4];

			ends[0] = record->replay + next_random(&state) % most;
			ends[1] = record->replay + next_random(&state) % Min(most, 64);
			ends[2] = record->end - 1;
			ends[3] = record->end;
			for (int j = 0; j < lengthof(ends); j++)
			{
				bool		expected = ends[j] < record->end;

				wrong += is_partial(record->replay, ends[j]) != expected;
				partial += expected;
				crossing += expected && record->pages > 0;
			}
		}
	}
	is_int(wrong, 0, "a record is whole at its end, not before");
	is_int(read_beyond, 0, "nothing beyond the end was read");
	ok(partial > 5000 && crossing > 500,
	   "the test itself looks at something");
}

/* A server that crashed within a record goes on at the start of a page. */
static void
test_overwritten(void)
{
	int			wrong = 0;
	int			partial = 0;
	int			whole = 0;

	section("The rest of a record overwritten");
	for (int round = 0; round < 100; round++)
	{
		uint32		len;
		uint64		replay;
		uint64		page;

		begin_wal();
		fill_randomly(BASE + next_random(&state) % (SEGMENT / 2));
		replay = at;
		len = XLOG_BLCKSZ + next_random(&state) % 200000;
		write_part(len, len / 2 + next_random(&state) % (len / 2), 0,
				   XLOG_FPI);
		nrecords--;
		if (at % XLOG_BLCKSZ != 0 && at / XLOG_BLCKSZ == replay / XLOG_BLCKSZ)
			at += XLOG_BLCKSZ - at % XLOG_BLCKSZ;
		page = at - at % XLOG_BLCKSZ;
		at = page;
		write_part(40, 40, XLP_FIRST_IS_OVERWRITE_CONTRECORD,
				   XLOG_OVERWRITE_CONTRECORD);
		fill_randomly(page + 20000);
		for (int i = 0; i < 100; i++)
		{
			uint64		end = replay +
				next_random(&state) % (page + 10000 - replay);
			bool		certain = is_partial(replay, end);

			/* What was written in its place is a whole record. */
			wrong += certain && end >= page + SizeOfXLogLongPHD + 40;
			wrong += !certain && end < page;
			partial += certain;
			whole += !certain;
		}
	}
	is_int(wrong, 0, "a record in its place counts");
	is_int(read_beyond, 0, "nothing beyond the end was read");
	ok(partial > 1000 && whole > 1000, "the test itself looks at something");
}

/*
 * Damage to whole records: one page or record header of what is here has another
 * byte somewhere.  The length of a record on one page is the only one that
 * nothing contradicts.
 */
static void
test_damaged(void)
{
	int			wrong = 0;
	int			tried = 0;

	section("Damaged headers");
	begin_wal();
	fill_randomly(BASE + SEGMENT);
	for (int round = 0; round < 10000; round++)
	{
		const Record *record = &records[1 + next_random(&state) % (nrecords - 1)];
		uint64		damaged = record->start +
			offsetof(XLogRecord, xl_prev) + next_random(&state) % 8;
		char	   *byte;
		char		was;

		if (record->pages > 0)
		{
			uint64		page = record->start - record->start % XLOG_BLCKSZ;

			if (next_random(&state) % 2)
				damaged = record->start + next_random(&state) % 4;
			else
			{
				page += (1 + next_random(&state) % record->pages) *
					XLOG_BLCKSZ;
				damaged = page + offsetof(XLogPageHeaderData, xlp_rem_len) +
					next_random(&state) % 4;
			}
		}
		if (damaged / XLOG_BLCKSZ != record->start / XLOG_BLCKSZ &&
			damaged % XLOG_BLCKSZ > SizeOfXLogShortPHD)
			continue;
		byte = memory + (damaged - BASE);
		was = *byte;
		*byte ^= 1 + next_random(&state) % 255;
		wrong += is_partial(record->replay, record->end);
		tried++;
		*byte = was;
	}
	is_int(wrong, 0, "nothing is certain");
	is_int(read_beyond, 0, "nothing beyond the end was read");
	ok(tried > 5000, "the test itself looks at something");
}

static bool
read_nothing(void *context, uint64 lsn, void *buffer, size_t len)
{
	return false;
}

static void
test_doubtful(void)
{
	const RwWal unreadable = {SEGMENT, read_nothing, NULL};
	XLogRecord *header;
	uint64		replay;

	section("What is doubtful");
	begin_wal();
	write_record(100);
	replay = at;
	write_record(200);
	header = (XLogRecord *) (memory + (replay - BASE));
	ok(is_partial(replay, replay + 150), "a part");
	ok(!rw_next_record_is_partial(&unreadable, replay, replay + 150),
	   "that can't be read");
	ok(!is_partial(replay + 4, replay + 154), "a start that is none");
	ok(!is_partial(BASE + 8, BASE + 150), "within the header of a page");

	header->xl_tot_len = SizeOfXLogRecord - 1;
	ok(!is_partial(replay, replay + 150), "too short to be a record");
	header->xl_tot_len = 0;
	ok(!is_partial(replay, replay + 150), "no length");
	header->xl_tot_len = 0x40000000;
	ok(is_partial(replay, replay + 150), "the longest record");
	header->xl_tot_len = 0x40000001;
	ok(!is_partial(replay, replay + 150), "too long to be a record");
	header->xl_tot_len = 200;
	header->xl_prev += 8;
	ok(!is_partial(replay, replay + 150), "not after the one before");
	header->xl_prev = replay;
	ok(!is_partial(replay, replay + 150), "after itself");
	header->xl_prev = 0;
	ok(!is_partial(replay, replay + 150), "after none");
	header->xl_prev = records[0].start;
	memset(memory, 0, 4);
	ok(!is_partial(replay, replay + 150), "a page of nothing");
}

int
main(void)
{
	state = 20261128;
	test_positions();
	test_long();
	test_random();
	test_overwritten();
	test_damaged();
	test_doubtful();
	return tap_end();
}
