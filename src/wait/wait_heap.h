/*-------------------------------------------------------------------------
 *
 * wait_heap.h
 *	  A heap of waiting sessions, the lowest LSN first.
 *
 * A pure file.  A member is a small number with an LSN.  Finding the lowest
 * LSN takes constant time, adding or removing a member logarithmic time.  The
 * arrays are the caller's and may be in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_HEAP_H
#define RW_WAIT_HEAP_H

/* Higher than any LSN: the heap is empty. */
#define RW_NOBODY_WAITS		PG_UINT64_MAX

typedef struct RwHeapEntry
{
	uint64		lsn;
	int32		member;
} RwHeapEntry;

typedef struct RwWaitHeap
{
	int32		nentries;
	int32		size;			/* members are numbered from 0 to size - 1 */
	RwHeapEntry *entries;		/* [size]: lowest first, as a heap */
	int32	   *places;			/* [size]: a member's place, -1 if none */
} RwWaitHeap;

/* Make an empty heap of the caller's arrays. */
extern void rw_heap_init(RwWaitHeap *heap, int size, RwHeapEntry *entries,
						 int32 *places);

/* Add a member, or change its LSN. */
extern void rw_heap_add(RwWaitHeap *heap, int member, uint64 lsn);

/* Remove a member, if it is there. */
extern void rw_heap_remove(RwWaitHeap *heap, int member);

/* The lowest LSN; RW_NOBODY_WAITS if the heap is empty. */
extern uint64 rw_heap_lowest(const RwWaitHeap *heap);

/*
 * Remove and return the member with the lowest LSN if that is at or below
 * `lsn`; otherwise -1.
 */
extern int	rw_heap_pop(RwWaitHeap *heap, uint64 lsn);

#endif							/* RW_WAIT_HEAP_H */
