/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Find one parameter in a connection string.
 *
 * A pure file.  The server parses connection strings with libpq, which is not
 * linked into it.  This finds the application_name in primary_conninfo, so
 * that a standby can show itself under the name that its upstream shows.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CONNINFO_H
#define RW_CONNINFO_H

/*
 * Copy the value of `keyword` in a libpq connection string, in keyword/value
 * form or a URI, to `value`, which has room for `size` bytes with the final 0.
 * A longer value is truncated.  The last of several values wins, as in libpq.
 * Returns false if there is no value, if it is empty, or if the string is
 * malformed before it.
 */
extern bool rw_conninfo_get(const char *conninfo, const char *keyword,
							char *value, size_t size);

/*
 * Copy the address that a connection string gives for this one of its hosts,
 * by its hostaddr, to RW_ADDRESS_LEN bytes; empty if it gives none.  Both are
 * lists, as in libpq.
 */
extern void rw_conninfo_hostaddr(const char *conninfo, const char *host,
								 char *hostaddr);

#endif							/* RW_CONNINFO_H */
