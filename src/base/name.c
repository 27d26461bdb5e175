/*-------------------------------------------------------------------------
 *
 * name.c
 *	  Names of replicas, slots and servers.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/name.h"

bool
rw_name_alike(const char *a, const char *b)
{
	for (int i = 0; i < RW_NAME_LEN - 1; i++)
	{
		if (a[i] != b[i] && rw_name_folded(a[i]) != rw_name_folded(b[i]))
			return false;
		if (a[i] == '\0')
			break;
	}
	return true;
}

static void
copy_padded(char *to, const char *from, size_t size)
{
	size_t		len = strnlen(from, size - 1);

	memcpy(to, from, len);
	memset(to + len, 0, size - len);
}

void
rw_name_copy(char *to, const char *from)
{
	copy_padded(to, from, RW_NAME_LEN);
}

void
rw_address_copy(char *to, const char *from)
{
	copy_padded(to, from, RW_ADDRESS_LEN);
}
