/*-------------------------------------------------------------------------
 *
 * render.h
 *	  Text into a buffer of fixed size.
 *
 * Nothing is allocated and nothing is written beyond the buffer: what does not
 * fit is left out, and `full` says so.  The text always ends with a zero byte,
 * which is not counted.  Nothing here depends on the locale.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_RENDER_H
#define RW_RENDER_H

typedef struct RwText
{
	char	   *data;
	size_t		size;
	size_t		len;
	bool		full;			/* something has been left out */
} RwText;

/* Begin an empty text; size is at least 1. */
extern void rw_text_begin(RwText *out, char *data, size_t size);

extern void rw_text_add(RwText *out, const char *string);
extern void rw_text_int(RwText *out, int64 value);

/* A number in a base up to 16, with leading zeros up to `least` digits. */
extern void rw_text_number(RwText *out, uint64 value, unsigned base,
						   int least);

/* Several strings; the last argument is NULL. */
extern void rw_text_adds(RwText *out,...);

/* A count of thousandths, millionths and so on: 1500 with 3 is 1.500 */
extern void rw_text_decimal(RwText *out, int64 value, int decimals);

/*
 * A string in double quotes, as JSON and a label's value in Prometheus' formats
 * have it; what is not printable ASCII becomes '?'.
 */
extern void rw_text_quoted(RwText *out, const char *string);

#endif							/* RW_RENDER_H */
