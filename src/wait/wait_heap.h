/*-------------------------------------------------------------------------
 *
 * wait_heap.h
 *	  Who waits for the lowest LSN.
 *
 * A pure file.  A binary heap of members, each a small number with an LSN;
 * the member with the lowest LSN is found at once, and adding or removing any
 * takes steps in the logarithm of their number.  The arrays are the owner's
 * and may lie in shared memory.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_HEAP_H
#define RW_WAIT_HEAP_H

/* No LSN is as high: nobody waits. */
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

/* Make an empty heap of the owner's arrays. */
extern void rw_heap_init(RwWaitHeap *heap, int size, RwHeapEntry *entries,
						 int32 *places);

/* Add a member; one that is there already is moved to its new LSN. */
extern void rw_heap_add(RwWaitHeap *heap, int member, uint64 lsn);

/* Take a member out, if it is there. */
extern void rw_heap_remove(RwWaitHeap *heap, int member);

/* The lowest LSN waited for; RW_NOBODY_WAITS if the heap is empty. */
extern uint64 rw_heap_lowest(const RwWaitHeap *heap);

/* Take out the first member if its LSN is at or below `lsn`; -1 if not. */
extern int	rw_heap_pop(RwWaitHeap *heap, uint64 lsn);

#endif							/* RW_WAIT_HEAP_H */
