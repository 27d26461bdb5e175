/*-------------------------------------------------------------------------
 *
 * silent_resolver.c
 *	  A resolver whose name server never answers: for t/133.
 *
 * Preloaded by the dynamic linker.  Addresses are read as ever, as the server
 * does with those of pg_hba.conf.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

typedef int (*Resolver) (const char *, const char *, const struct addrinfo *,
						 struct addrinfo **);

extern PGDLLEXPORT int getaddrinfo(const char *name, const char *service,
								   const struct addrinfo *hints,
								   struct addrinfo **result);

int
getaddrinfo(const char *name, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	if (hints && (hints->ai_flags & AI_NUMERICHOST))
		return ((Resolver) dlsym(RTLD_NEXT, "getaddrinfo"))
			(name, service, hints, result);
	for (;;)
		pause();
}
