/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Find one parameter in a connection string.
 *
 * A pure file.  The server itself hands connection strings to libpq, which
 * is not linked into it; here only the application's name is wanted, so that
 * a standby can show itself under the name that its upstream shows.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CONNINFO_H
#define RW_CONNINFO_H

/*
 * Copy the value of `keyword` from a libpq connection string, keyword/value
 * form or URI, to `value`, which has room for `size` bytes with the final 0; a
 * longer value is cut.  The last of several wins, as in libpq.  Returns false
 * if it is not there, is empty, or the string is malformed before it.
 */
extern bool rw_conninfo_get(const char *conninfo, const char *keyword,
							char *value, size_t size);

#endif							/* RW_CONNINFO_H */
