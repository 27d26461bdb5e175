/*-------------------------------------------------------------------------
 *
 * silent_resolver.c
 *	  A resolver whose name server never answers: for t/133 and t/164.
 *
 * Preloaded by the dynamic linker.  Addresses are read as ever, as the server
 * does with those of pg_hba.conf, and so are names while the file exists that
 * RESOLVER_ANSWERS in the environment names.  The postmaster takes over what
 * its children leave behind, as the first process of a container does.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef int (*Resolver) (const char *, const char *, const struct addrinfo *,
						 struct addrinfo **);

static void __attribute__((constructor))
adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

extern PGDLLEXPORT int getaddrinfo(const char *name, const char *service,
								   const struct addrinfo *hints,
								   struct addrinfo **result);

int
getaddrinfo(const char *name, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	const char *answers = getenv("RESOLVER_ANSWERS");

	if ((hints && (hints->ai_flags & AI_NUMERICHOST)) ||
		(answers && access(answers, F_OK) == 0))
		return ((Resolver) dlsym(RTLD_NEXT, "getaddrinfo"))
			(name, service, hints, result);
	for (;;)
		pause();
}
