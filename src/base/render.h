/*-------------------------------------------------------------------------
 *
 * render.h
 *	  Text into a buffer of fixed size.
 *
 * A pure file.  Nothing is allocated and nothing is written beyond the
 * buffer: what does not fit is left out, and `full` is set.  The text always
 * ends with a zero byte, which len does not count.  Nothing here depends on
 * the locale.  Durations, sizes and LSNs are in units.h.
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

/* Begin an empty text in `size` bytes, at least 1. */
extern void rw_text_begin(RwText *out, char *data, size_t size);

extern void rw_text_add(RwText *out, const char *string);
extern void rw_text_int(RwText *out, int64 value);

/* A number in a base up to 16, with leading zeros up to `least` digits. */
extern void rw_text_number(RwText *out, uint64 value, unsigned base,
						   int least);

/* Several strings; the last argument is NULL. */
extern void rw_text_adds(RwText *out,...);

/* A fixed-point number: 1500 with 3 decimals is 1.500 */
extern void rw_text_decimal(RwText *out, int64 value, int decimals);

/*
 * A string in double quotes, for JSON and for the value of a label in
 * Prometheus' format; what is not printable ASCII becomes '?'.
 */
extern void rw_text_quoted(RwText *out, const char *string);

#endif							/* RW_RENDER_H */
