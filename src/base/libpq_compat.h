/*-------------------------------------------------------------------------
 *
 * libpq_compat.h
 *	  The server's libpq headers, without the GSSAPI library's.
 *
 * Server development packages do not include gssapi.h, which libpq-be.h needs
 * for the type of one pointer in struct Port.  Without ENABLE_GSS that is a
 * void pointer, and nothing else changes.  Files that need these headers
 * include this one right after postgres.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LIBPQ_COMPAT_H
#define RW_LIBPQ_COMPAT_H

#undef ENABLE_GSS
#include "libpq/auth.h"
#include "libpq/libpq.h"

#endif							/* RW_LIBPQ_COMPAT_H */
