/*-------------------------------------------------------------------------
 *
 * wait_queue.h
 *	  Waiting sessions in the order of what they wait for.
 *
 * A pure file.  A member is a small number, and has a key: an LSN.  Members
 * are ordered by their keys, and those of one key by their numbers.  A place
 * in that order is a mark, and members are taken out from a mark on up to an
 * LSN, a few at a time; the mark moves along.  A member that has been taken
 * out and comes back with the same key lies at or before the mark, and is not
 * taken out again.
 *
 * Sessions mostly come with increasing LSNs and leave from the front.  Both
 * ends are cheap; finding a place takes a binary search, and adding or
 * removing in the middle moves the shorter side.  The arrays are the caller's
 * and may be in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_QUEUE_H
#define RW_WAIT_QUEUE_H

/* Higher than any key: nobody waits. */
#define RW_NOBODY_WAITS		PG_UINT64_MAX

/* A place in the order: all up to this key and, of this key, this member. */
typedef struct RwWaitMark
{
	uint64		key;
	int32		member;
} RwWaitMark;

/* What the queue knows of a member by its number. */
typedef struct RwWaitMember
{
	uint64		key;
	int32		queued;			/* 0 or 1 */
} RwWaitMember;

typedef struct RwWaitQueue
{
	int32		begin;			/* place of the first entry */
	int32		nentries;
	int32		size;			/* members are numbered from 0 to size - 1 */
	RwWaitMark *entries;		/* [RW_WAIT_QUEUE_ROOM(size)], in order */
	RwWaitMember *members;		/* [size] */
} RwWaitQueue;

/*
 * The room for entries.  As there is twice as much as can be used, the entries
 * that came at one end while others left at the other are moved back seldom.
 */
#define RW_WAIT_QUEUE_ROOM(size)	(2 * (size))

/* The mark after all members with keys up to this one. */
static inline RwWaitMark
rw_wait_mark_after(uint64 key)
{
	RwWaitMark	mark = {key, PG_INT32_MAX};

	return mark;
}

/* Make an empty queue of the caller's arrays. */
extern void rw_wait_queue_init(RwWaitQueue *queue, int size,
							   RwWaitMark *entries, RwWaitMember *members);

/* Add a member, or change its key. */
extern void rw_wait_queue_add(RwWaitQueue *queue, int member, uint64 key);

/* Remove a member, if it is there. */
extern void rw_wait_queue_remove(RwWaitQueue *queue, int member);

/* The key of the first member after the mark; RW_NOBODY_WAITS if none is. */
extern uint64 rw_wait_queue_after(const RwWaitQueue *queue, RwWaitMark mark);

/*
 * Remove members after *mark whose keys are at or below `upto`, lowest first,
 * at most `room` of them.  Stores them in `taken`, moves *mark to the last of
 * them, or behind `upto` if none is left, and returns their number.
 */
extern int	rw_wait_queue_take(RwWaitQueue *queue, RwWaitMark *mark,
							   uint64 upto, int *taken, int room);

#endif							/* RW_WAIT_QUEUE_H */
