/*-------------------------------------------------------------------------
 *
 * name.h
 *	  Names of replicas, slots and servers.
 *
 * A pure file.  A name is the slot's or the application_name's, as the server
 * shows it, in an array of RW_NAME_LEN bytes.  All names are compared and
 * copied here, so that the whole of replwatch agrees on which names are one.
 * Words of a fixed set (a program's name, a column's value) are no names.
 *
 * Names are made in two steps: somebody names a server, and a failover manager
 * makes the name of its slot from that, in lower case and with underscores.
 * Names that differ in nothing else are alike: "pg-1.eu" and "pg_1_eu".
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_NAME_H
#define RW_NAME_H

#define RW_NAME_LEN			64	/* of a slot or an application, with 0 */
#define RW_ADDRESS_LEN		64	/* an IP address; empty for a local socket */

/*
 * Do two strings name the same replica, slot or server?  Names are compared
 * byte by byte.  What is longer than a name can be counts as cut off, as the
 * server cuts it off, so arguments and settings can be compared directly.
 */
static inline bool
rw_name_equal(const char *a, const char *b)
{
	return strncmp(a, b, RW_NAME_LEN - 1) == 0;
}

/*
 * The order in which names are sorted: negative, 0 or positive, and 0 exactly
 * where rw_name_equal() is true.
 */
static inline int
rw_name_compare(const char *a, const char *b)
{
	return strncmp(a, b, RW_NAME_LEN - 1);
}

/*
 * The byte that stands for this one where alike names are compared.  ASCII
 * only: the locale has no say in it.
 */
static inline char
rw_name_folded(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 'a';
	return c == '-' || c == '.' ? '_' : c;
}

/*
 * Are two names alike: equal in lower case, with - and . taken for _?  Equal
 * names are.  Like rw_name_equal(), it takes what is too long as cut off.
 */
extern bool rw_name_alike(const char *a, const char *b);

/*
 * Copy a name into RW_NAME_LEN bytes, or an address into RW_ADDRESS_LEN.
 * What is too long is cut off; what is left of the target is filled with
 * zeros, so that it can be part of a hash key or go to a file.
 */
extern void rw_name_copy(char *to, const char *from);
extern void rw_address_copy(char *to, const char *from);

#endif							/* RW_NAME_H */
