/*-------------------------------------------------------------------------
 *
 * pair.h
 *	  Two ends of a line, for the unit test and the fuzz target.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef PAIR_H
#define PAIR_H

#include "unit/line/hmac.h"

static const RwServerId standby_id = {{UINT64CONST(0x1111), 1}};
static const RwServerId upstream_id = {{UINT64CONST(0x2222), 2}};

/* A key or a challenge that is made of this byte. */
static inline const uint8 *
bytes_of(uint8 byte)
{
	static uint8 bytes[4][RW_LINE_KEY_LEN];
	static int	next = 0;

	next = (next + 1) % 4;
	return memset(bytes[next], byte, RW_LINE_KEY_LEN);
}

static inline void
begin_client(RwSession *client, uint8 key, uint8 challenge)
{
	rw_session_begin(client, true, unit_hmac, bytes_of(key), standby_id,
					 bytes_of(challenge));
	rw_session_set_claim(client, "replica1", "replica1_slot");
}

static inline void
begin_server(RwSession *server, uint8 key, uint8 challenge)
{
	rw_session_begin(server, false, unit_hmac, bytes_of(key), upstream_id,
					 bytes_of(challenge));
}

#endif							/* PAIR_H */
