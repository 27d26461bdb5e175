/*-------------------------------------------------------------------------
 *
 * next_record.h
 *	  Is only a part of the record here that replay needs next?
 *
 * A pure file.  WAL arrives in pieces that do not end where records do.  A
 * record has its length in its first bytes, so that its end is known as soon
 * as its header is here.
 *
 * Bytes beyond the end of the WAL that is here are never looked at: a recycled
 * segment has old WAL there.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_NEXT_RECORD_H
#define RW_NEXT_RECORD_H

/* Longer records, in pages, are not followed. */
#define RW_RECORD_MAX_PAGES	256

/* Where to read WAL. */
typedef struct RwWal
{
	uint32		segment_size;

	/* Read bytes of one page; false if that can't be done. */
	bool		(*read) (void *context, uint64 lsn, void *buffer, size_t len);
	void	   *context;
} RwWal;

/*
 * Does the WAL from `replay`, the end of a record, up to `end` hold no whole
 * record, but at most a part of one?
 *
 * Only true if that is certain: if the record that starts at `replay` names as
 * the previous one a record that ends there, and each of its pages continues
 * it.  A server that crashed within a record writes other records in place of
 * the rest.
 */
extern bool rw_next_record_is_partial(const RwWal *wal, uint64 replay,
									  uint64 end);

#endif							/* RW_NEXT_RECORD_H */
