/*-------------------------------------------------------------------------
 *
 * request_piece.h
 *	  The pieces that a request is taken apart into.
 *
 * Internal to the request room; others include request.h.  Pure.
 *
 * A piece says where bytes that are not its own begin and where they end.  They
 * are not terminated: nothing looks beyond the end.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REQUEST_PIECE_H
#define RW_REQUEST_PIECE_H

#include "src/port/request.h"

/* A piece of the request. */
typedef struct RwPiece
{
	const char *at;
	const char *end;
} RwPiece;

/* Is a piece this word, in the same letters? */
static inline bool
rw_piece_is(RwPiece piece, const char *word)
{
	size_t		len = strlen(word);

	return piece.end - piece.at == len && memcmp(piece.at, word, len) == 0;
}

/* Take what is before the next `separator`, or all that is left. */
static inline RwPiece
rw_take_until(RwPiece *rest, char separator)
{
	RwPiece		piece = *rest;
	const char *at = memchr(rest->at, separator, rest->end - rest->at);

	if (at == NULL)
		rest->at = rest->end;
	else
	{
		piece.end = at;
		rest->at = at + 1;
	}
	return piece;
}

/*
 * Refuse a request, with an HTTP status and a constant that says why.  False,
 * which is what a step that did not understand returns.
 */
static inline bool
rw_refuse(RwRequest *request, int status, const char *problem)
{
	request->refusal = status;
	request->problem = problem;
	return false;
}

#endif							/* RW_REQUEST_PIECE_H */
