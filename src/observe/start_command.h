/*-------------------------------------------------------------------------
 *
 * start_command.h
 *	  What a START_REPLICATION command asks for, and the text of an error.
 *
 * A pure file.  The server parses replication commands with a scanner of its
 * own, which is no interface.  Both functions are used while an error is
 * reported: they allocate nothing and read each byte once.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_START_COMMAND_H
#define RW_START_COMMAND_H

#include "access/xlogdefs.h"

#include "src/base/name.h"

typedef struct RwStartCommand
{
	char		slot[RW_NAME_LEN];	/* empty: none */
	XLogRecPtr	lsn;
	TimeLineID	tli;			/* 0: none named, or LOGICAL */
} RwStartCommand;

/*
 * Parse
 *
 *	START_REPLICATION [SLOT name] [PHYSICAL] X/X [TIMELINE n]
 *	START_REPLICATION SLOT name LOGICAL X/X [(options)]
 *
 * with keywords in any case and the name with or without double quotes.  A
 * longer name is cut off.  False if the text is something else; *command is
 * empty then.
 */
extern bool rw_start_command_in(const char *string, RwStartCommand *command);

/*
 * Store the LSNs in a message, which are the same in every language, in the
 * order in which they stand; returns how many there are, and stores no more
 * than `max`.
 */
extern int	rw_lsns_in(const char *message, XLogRecPtr *lsns, int max);

/*
 * What the upstream server said, if the message of a receiver has that: libpq
 * puts its own words and a severity before it, then a colon and two blanks.
 * Else NULL.
 */
extern const char *rw_upstream_answer(const char *message);

/*
 * Copy the first line of an error's message, as UTF-8, to `size` bytes with
 * the final 0, cut off between two characters.  Bytes that are not UTF-8 and
 * control characters become '?', because clients choose some of them.
 */
extern void rw_first_line(char *to, const char *from, size_t size);

#endif							/* RW_START_COMMAND_H */
