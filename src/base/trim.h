/*-------------------------------------------------------------------------
 *
 * trim.h
 *	  Removing white space around a string.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TRIM_H
#define RW_TRIM_H

#include <ctype.h>

/*
 * The string without the white space around it.  What follows is cut off in
 * place; the result points into the string.
 */
static inline char *
rw_trim(char *string)
{
	size_t		len;

	while (isspace((unsigned char) *string))
		string++;
	len = strlen(string);
	while (len > 0 && isspace((unsigned char) string[len - 1]))
		string[--len] = '\0';
	return string;
}

#endif							/* RW_TRIM_H */
