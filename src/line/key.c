/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The key that the servers of one system share.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "src/line/key.h"
#include "src/settings.h"

/* With the zero byte at its end. */
static const char key_label[] = "replwatch line 1";

bool
rw_line_key(uint8 *key, const char **problem)
{
	const uint8 *nonce = (const uint8 *) GetMockAuthenticationNonce();
	static const uint8 no_nonce[MOCK_AUTH_NONCE_LEN];
	uint8		system[RW_FRAME_NUMBER];
	RwMacPiece	pieces[] = {
		{key_label, sizeof(key_label)},
		{system, sizeof(system)},
		{rw_line_secret, strlen(rw_line_secret)}
	};

	rw_put_number(system, GetSystemIdentifier());
	if (rw_bytes_equal(nonce, no_nonce, MOCK_AUTH_NONCE_LEN))
		*problem = "the mock authentication nonce in pg_control is all zero";
	else if (!rw_line_mac(nonce, MOCK_AUTH_NONCE_LEN, pieces, lengthof(pieces),
						  key))
		*problem = "HMAC-SHA-256 could not be computed";
	else
		return true;
	return false;
}

/*
 * One context serves all MACs: to make and free one costs more than a MAC.
 * Where the server is built with OpenSSL, pg_hmac_create() notes it in the
 * current resource owner, and a background worker has none outside of
 * transactions.  Where it is not, it allocates in the current memory context,
 * which the port resets in each turn.
 */
static pg_hmac_ctx *
hmac_context(void)
{
	static ResourceOwner owner = NULL;
	static pg_hmac_ctx *context = NULL;

	if (context == NULL)
	{
		ResourceOwner caller = CurrentResourceOwner;
		MemoryContext oldcontext = MemoryContextSwitchTo(TopMemoryContext);

		if (owner == NULL)
			owner = ResourceOwnerCreate(NULL, "replwatch line");
		CurrentResourceOwner = owner;
		context = pg_hmac_create(PG_SHA256);
		CurrentResourceOwner = caller;
		MemoryContextSwitchTo(oldcontext);
	}
	return context;
}

bool
rw_line_mac(const uint8 *key, size_t key_len, const RwMacPiece *pieces,
			int npieces, uint8 *mac)
{
	pg_hmac_ctx *context = hmac_context();
	bool		fine;

	fine = context != NULL && pg_hmac_init(context, key, key_len) == 0;
	for (int i = 0; fine && i < npieces; i++)
		fine = pg_hmac_update(context, pieces[i].data, pieces[i].len) == 0;
	return fine && pg_hmac_final(context, mac, PG_SHA256_DIGEST_LENGTH) == 0;
}
