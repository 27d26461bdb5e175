/*-------------------------------------------------------------------------
 *
 * digit.h
 *	  The value of a digit.
 *
 * A pure file.  The C library's functions depend on the locale or accept
 * signs and blanks, and the server's are not available to unit tests.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_DIGIT_H
#define RW_DIGIT_H

/*
 * The value of a digit, of either case, in a base up to 16; -1 if it is none.
 */
static inline int
rw_digit(char c, int base)
{
	int			value = -1;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	return value < base ? value : -1;
}

#endif							/* RW_DIGIT_H */
