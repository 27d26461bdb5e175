/*-------------------------------------------------------------------------
 *
 * key.h
 *	  The key that the servers of one system share.
 *
 * It is HMAC-SHA-256, under pg_control's mock authentication nonce, of
 * "replwatch line 1", a zero byte, the system identifier (8 bytes,
 * big-endian) and replwatch.line_secret.  initdb makes the nonce; base
 * backups and rewound servers have it, pg_upgrade makes a new one, and
 * pg_resetwal on a lost pg_control leaves zeroes, which are no secret.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_KEY_H
#define RW_KEY_H

#include "src/line/session.h"

/*
 * Make the key.  False if the nonce is all zero, or the HMAC fails; *problem
 * says why, a constant.
 */
extern bool rw_line_key(uint8 *key, const char **problem);

/* The server's HMAC-SHA-256, as an RwMacFunction. */
extern bool rw_line_mac(const uint8 *key, size_t key_len,
						const RwMacPiece *pieces, int npieces, uint8 *mac);

#endif							/* RW_KEY_H */
