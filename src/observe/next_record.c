/*-------------------------------------------------------------------------
 *
 * next_record.c
 *	  Is only a part of the record here that replay needs next?
 *
 * A record starts at a multiple of MAXIMUM_ALIGNOF.  Where it reaches the end
 * of a page, it goes on after the next page's header, which says how much of
 * it is left.  An LSN at the start of a page, as the end of a record, stands
 * for the first byte after the page's header.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "access/xlog_internal.h"
#include "access/xlogrecord.h"
#include "catalog/pg_control.h"

#include "src/observe/next_record.h"

/* The server writes no longer record. */
#define RECORD_MAX_LEN		UINT32_C(0x40000000)

/* The first byte of the page of `lsn`. */
static uint64
page_of(uint64 lsn)
{
	return lsn - lsn % XLOG_BLCKSZ;
}

static bool
is_first_of_segment(const RwWal *wal, uint64 page)
{
	return page % wal->segment_size == 0;
}

/* The first byte of a page that is not its header's. */
static uint64
after_header(const RwWal *wal, uint64 page)
{
	return page + (is_first_of_segment(wal, page) ?
				   SizeOfXLogLongPHD : SizeOfXLogShortPHD);
}

/* Where a record starts if the one before it ends at `lsn`. */
static uint64
start_from_end(const RwWal *wal, uint64 lsn)
{
	return lsn % XLOG_BLCKSZ == 0 ? after_header(wal, lsn) : lsn;
}

static bool
can_be_start(const RwWal *wal, uint64 lsn)
{
	return lsn == MAXALIGN64(lsn) && lsn >= after_header(wal, page_of(lsn));
}

/* The end of `len` bytes of a record that starts at `start`. */
static uint64
end_of(const RwWal *wal, uint64 start, uint64 len)
{
	uint64		room = XLOG_BLCKSZ - start % XLOG_BLCKSZ;

	while (len > room)
	{
		uint64		page = start + room;

		len -= room;
		start = after_header(wal, page);
		room = page + XLOG_BLCKSZ - start;
	}
	return start + len;
}

/* Read the header of a page; false if it is not that of this page. */
static bool
read_page_header(const RwWal *wal, uint64 page, XLogPageHeaderData *header)
{
	return wal->read(wal->context, page, header, sizeof(*header)) &&
		header->xlp_magic == XLOG_PAGE_MAGIC &&
		header->xlp_pageaddr == page &&
		((header->xlp_info & XLP_LONG_HEADER) != 0) ==
		is_first_of_segment(wal, page);
}

/* Read the header of the record at `start`, which may reach into a next page. */
static bool
read_record(const RwWal *wal, uint64 start, XLogRecord *record)
{
	uint64		next_page = page_of(start) + XLOG_BLCKSZ;
	size_t		here = Min(SizeOfXLogRecord, next_page - start);

	return wal->read(wal->context, start, record, here) &&
		(here == SizeOfXLogRecord ||
		 wal->read(wal->context, after_header(wal, next_page),
				   (char *) record + here, SizeOfXLogRecord - here)) &&
		record->xl_tot_len >= SizeOfXLogRecord &&
		record->xl_tot_len <= RECORD_MAX_LEN;
}

/* Can a record start there, according to the header of the page? */
static bool
page_has_start(const RwWal *wal, uint64 start)
{
	uint64		page = page_of(start);
	XLogPageHeaderData header;

	return can_be_start(wal, start) &&
		read_page_header(wal, page, &header) &&
		(start > after_header(wal, page) ||
		 (header.xlp_info & XLP_FIRST_IS_CONTRECORD) == 0);
}

/* Does the record that it names as the one before it end where it starts? */
static bool
follows_previous(const RwWal *wal, uint64 start, const XLogRecord *record)
{
	XLogRecord	previous;
	uint64		end;

	if (record->xl_prev >= start || !can_be_start(wal, record->xl_prev) ||
		!read_record(wal, record->xl_prev, &previous))
		return false;
	end = MAXALIGN64(end_of(wal, record->xl_prev, previous.xl_tot_len));
	/* A switch of segments takes up the rest of one. */
	if (previous.xl_rmid == RM_XLOG_ID &&
		(previous.xl_info & ~XLR_INFO_MASK) == XLOG_SWITCH)
		end = (end + wal->segment_size - 1) / wal->segment_size *
			wal->segment_size;
	return start_from_end(wal, end) == start;
}

/* Is this page the one on which a record has so much left? */
static bool
page_continues(const RwWal *wal, uint64 page, uint32 left)
{
	XLogPageHeaderData header;

	return read_page_header(wal, page, &header) &&
		(header.xlp_info & XLP_FIRST_IS_CONTRECORD) != 0 &&
		(header.xlp_info & XLP_FIRST_IS_OVERWRITE_CONTRECORD) == 0 &&
		header.xlp_rem_len == left;
}

/* Does a record of this length, as far as it is here, reach beyond `end`? */
static bool
reaches_beyond(const RwWal *wal, uint64 start, uint32 len, uint64 end)
{
	uint64		at = start;
	uint32		left = len;

	for (int pages = 0; pages < RW_RECORD_MAX_PAGES; pages++)
	{
		uint64		next_page = page_of(at) + XLOG_BLCKSZ;
		uint64		room = next_page - at;

		if (left <= room)
			return at + left > end;
		left -= room;
		at = after_header(wal, next_page);
		if (at > end)
			return true;
		if (!page_continues(wal, next_page, left))
			return false;
	}
	return false;
}

bool
rw_next_record_is_partial(const RwWal *wal, uint64 replay, uint64 end)
{
	uint64		start = start_from_end(wal, replay);
	XLogRecord	record;

	/* There is no room for any record. */
	if (end_of(wal, start, SizeOfXLogRecord) > end)
		return true;

	return page_has_start(wal, start) &&
		read_record(wal, start, &record) &&
		follows_previous(wal, start, &record) &&
		reaches_beyond(wal, start, record.xl_tot_len, end);
}
