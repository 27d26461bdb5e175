/*-------------------------------------------------------------------------
 *
 * digit.h
 *	  What a digit stands for.
 *
 * A pure file.  The library's own functions depend on the locale, take signs
 * and blanks, or are not there in a server and in a unit test alike.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_DIGIT_H
#define RW_DIGIT_H

/* The value of a digit in a base up to 16, either case; -1 if it is none. */
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
