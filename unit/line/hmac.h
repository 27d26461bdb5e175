/*-------------------------------------------------------------------------
 *
 * hmac.h
 *	  HMAC-SHA-256 for the unit tests, which have no server to ask.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef HMAC_H
#define HMAC_H

#include "src/line/session.h"

#define SHA256_BLOCK	64
#define SHA256_LEN		32

typedef struct Sha256
{
	uint32		state[8];
	uint64		len;
	uint8		block[SHA256_BLOCK];
} Sha256;

static inline uint32
sha256_rotate(uint32 x, int n)
{
	return x >> n | x << (32 - n);
}

static void
sha256_block(Sha256 *sha)
{
	static const uint32 k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
		0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
		0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
		0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
		0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
		0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
		0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
		0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
		0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
	};
	uint32		w[64];
	uint32		s[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32) sha->block[4 * i] << 24 | sha->block[4 * i + 1] << 16 |
			sha->block[4 * i + 2] << 8 | sha->block[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
			(sha256_rotate(w[i - 15], 7) ^ sha256_rotate(w[i - 15], 18) ^
			 w[i - 15] >> 3) +
			(sha256_rotate(w[i - 2], 17) ^ sha256_rotate(w[i - 2], 19) ^
			 w[i - 2] >> 10);
	memcpy(s, sha->state, sizeof(s));
	for (int i = 0; i < 64; i++)
	{
		uint32		one = s[7] + k[i] + w[i] +
			((s[4] & s[5]) ^ (~s[4] & s[6])) +
			(sha256_rotate(s[4], 6) ^ sha256_rotate(s[4], 11) ^
			 sha256_rotate(s[4], 25));
		uint32		two = ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2])) +
			(sha256_rotate(s[0], 2) ^ sha256_rotate(s[0], 13) ^
			 sha256_rotate(s[0], 22));

		memmove(s + 1, s, 7 * sizeof(uint32));
		s[4] += one;
		s[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		sha->state[i] += s[i];
}

static void
sha256_begin(Sha256 *sha)
{
	static const uint32 state[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	memcpy(sha->state, state, sizeof(state));
	sha->len = 0;
}

static void
sha256_add(Sha256 *sha, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		sha->block[sha->len++ % SHA256_BLOCK] = ((const uint8 *) data)[i];
		if (sha->len % SHA256_BLOCK == 0)
			sha256_block(sha);
	}
}

static void
sha256_end(Sha256 *sha, uint8 *digest)
{
	uint64		bits = sha->len * 8;
	uint8		byte = 0x80;

	do
	{
		sha256_add(sha, &byte, 1);
		byte = 0;
	} while (sha->len % SHA256_BLOCK != SHA256_BLOCK - 8);
	for (int shift = 56; shift >= 0; shift -= 8)
	{
		byte = (uint8) (bits >> shift);
		sha256_add(sha, &byte, 1);
	}
	for (int i = 0; i < SHA256_LEN; i++)
		digest[i] = (uint8) (sha->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* An RwMacFunction. */
static bool
unit_hmac(const uint8 *key, size_t key_len, const RwMacPiece *pieces,
		  int npieces, uint8 *mac)
{
	uint8		block[SHA256_BLOCK] = {0};
	Sha256		sha;

	if (key_len <= SHA256_BLOCK)
		memcpy(block, key, key_len);
	else
	{
		sha256_begin(&sha);
		sha256_add(&sha, key, key_len);
		sha256_end(&sha, block);
	}
	for (int i = 0; i < SHA256_BLOCK; i++)
		block[i] ^= 0x36;
	sha256_begin(&sha);
	sha256_add(&sha, block, SHA256_BLOCK);
	for (int i = 0; i < npieces; i++)
		sha256_add(&sha, pieces[i].data, pieces[i].len);
	sha256_end(&sha, mac);

	for (int i = 0; i < SHA256_BLOCK; i++)
		block[i] ^= 0x36 ^ 0x5c;
	sha256_begin(&sha);
	sha256_add(&sha, block, SHA256_BLOCK);
	sha256_add(&sha, mac, SHA256_LEN);
	sha256_end(&sha, mac);
	return true;
}

#endif							/* HMAC_H */
