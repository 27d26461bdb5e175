/*-------------------------------------------------------------------------
 *
 * resolve_child.c
 *	  Look up a host name where nobody waits for it.
 *
 * The resolver of the system can take half a minute, and the port has health
 * checks to answer.  So a child asks it, writes what it finds into a pipe in
 * one piece, and exits.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "storage/fd.h"
#include "storage/pg_shmem.h"
#include "utils/ps_status.h"

#include "src/line/intern.h"

StaticAssertDecl(sizeof(RwResolved) <= PIPE_BUF,
				 "an answer must go through a pipe in one piece");

/* How often a child that was told to end may be in the way of the next one. */
#define PATIENCE			20

/* The port opens no descriptor beyond these. */
#define DESCRIPTORS_MAX		65536

static void
add_address(RwResolved *resolved, const struct sockaddr *address,
			socklen_t len)
{
	RwSocketAddress *to = &resolved->addresses[resolved->number];

	if (resolved->number == RW_RESOLVED_MAX || len > sizeof(to->storage))
		return;
	to->len = len;
	memcpy(&to->storage, address, len);
	resolved->number++;
}

static void
add_addresses(RwResolved *resolved, const char *host, int port, int flags)
{
	struct addrinfo hints;
	struct addrinfo *list = NULL;
	char		service[16];

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = flags | AI_NUMERICSERV;
	snprintf(service, sizeof(service), "%d", port);
	resolved->error = getaddrinfo(host, service, &hints, &list);
	if (resolved->error != 0)
		return;
	for (struct addrinfo *info = list; info; info = info->ai_next)
	{
		if (info->ai_family == AF_INET || info->ai_family == AF_INET6)
			add_address(resolved, info->ai_addr, info->ai_addrlen);
	}
	freeaddrinfo(list);
}

bool
rw_resolve_address(const char *host, int port, RwResolved *resolved)
{
	memset(resolved, 0, sizeof(RwResolved));
	if (host[0] == '\0' || host[0] == '/' || host[0] == '@')
	{
		add_addresses(resolved, "127.0.0.1", port, AI_NUMERICHOST);
		add_addresses(resolved, "::1", port, AI_NUMERICHOST);
		resolved->error = 0;
		return true;
	}
	add_addresses(resolved, host, port, AI_NUMERICHOST);
	return resolved->error == 0 && resolved->number > 0;
}

static void
handle_end(int signo)
{
	_exit(1);
}

/*
 * The child.  The handlers that it has inherited would act on the port's
 * latch, so all signals have been blocked.  It must not raise errors or touch
 * the server's memory; and it must not hold the port's clients, whose
 * connections would not end before it does.
 *
 * If it outlives the port, the postmaster may become its parent, in a
 * container whose first process that is; and a child that a signal has ended
 * makes it restart the whole server.  So whatever ends this one has it exit.
 */
static void
run_child(const char *host, int port, int out, pid_t parent)
{
	struct sigaction action;
	sigset_t	nothing;
	RwResolved	resolved;
	long		limit = sysconf(_SC_OPEN_MAX);

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	for (int signo = 1; signo < NSIG; signo++)
	{
		/* The postmaster sends these to the port's whole group. */
		action.sa_handler = signo == SIGTERM || signo == SIGINT ||
			signo == SIGQUIT || signo == SIGALRM ? handle_end : SIG_DFL;
		(void) sigaction(signo, &action, NULL);
	}

	/* Should the port not live to end it. */
	(void) alarm(RW_RESOLVE_TIME / RW_SECOND + 1);
#ifdef PR_SET_PDEATHSIG
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
#endif
	sigemptyset(&nothing);
	(void) sigprocmask(SIG_SETMASK, &nothing, NULL);
	if (getppid() != parent)
		_exit(1);

	PGSharedMemoryDetach();
	if (limit < 0 || limit > DESCRIPTORS_MAX)
		limit = DESCRIPTORS_MAX;
	for (int fd = 3; fd < limit; fd++)
	{
		if (fd != out)
			(void) close(fd);
	}

	set_ps_display("looking up a host name");
	memset(&resolved, 0, sizeof(resolved));
	add_addresses(&resolved, host, port, 0);
	_exit(write(out, &resolved, sizeof(resolved)) ==
		  sizeof(resolved) ? 0 : 1);
}

bool
rw_resolver_start(RwResolver *resolver, const char *host, int port)
{
	pid_t		parent = getpid();
	pid_t		pid;
	sigset_t	everything;
	sigset_t	before;
	int			ends[2];
	int			code;

	Assert(resolver->pipe == PGINVALID_SOCKET);
	rw_resolver_reap(resolver);
	errno = 0;
	if (resolver->pid != 0)
	{
		/* A module of the resolver may have blocked all other signals. */
		if (++resolver->in_the_way > PATIENCE)
			(void) kill(resolver->pid, SIGKILL);
		return false;
	}
	resolver->in_the_way = 0;
	if (!AcquireExternalFD())
		return false;
	if (pipe(ends) != 0)
	{
		code = errno;
		ReleaseExternalFD();
		errno = code;
		return false;
	}
	if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0 ||
		!pg_set_noblock(ends[0]))
		pid = -1;
	else
	{
		sigfillset(&everything);
		(void) sigprocmask(SIG_SETMASK, &everything, &before);
		pid = fork();
		if (pid == 0)
			run_child(host, port, ends[1], parent);
		code = errno;
		(void) sigprocmask(SIG_SETMASK, &before, NULL);
		errno = code;
	}
	code = errno;
	(void) close(ends[1]);
	if (pid < 0)
	{
		(void) close(ends[0]);
		ReleaseExternalFD();
		errno = code;
		return false;
	}
	resolver->pid = pid;
	resolver->pipe = ends[0];
	return true;
}

/* The lookup is over, one way or another. */
static void
close_pipe(RwResolver *resolver)
{
	(void) close(resolver->pipe);
	ReleaseExternalFD();
	resolver->pipe = PGINVALID_SOCKET;
}

bool
rw_resolver_read(RwResolver *resolver, RwResolved *resolved)
{
	ssize_t		n = read(resolver->pipe, resolved, sizeof(RwResolved));

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n != sizeof(RwResolved) || resolved->number < 0 ||
		resolved->number > RW_RESOLVED_MAX)
	{
		/* It has come to an end without an answer. */
		memset(resolved, 0, sizeof(RwResolved));
		resolved->error = EAI_FAIL;
	}
	close_pipe(resolver);
	rw_resolver_reap(resolver);
	return true;
}

void
rw_resolver_stop(RwResolver *resolver)
{
	if (resolver->pipe != PGINVALID_SOCKET)
		close_pipe(resolver);
	if (resolver->pid != 0)
		(void) kill(resolver->pid, SIGTERM);
	rw_resolver_reap(resolver);
}

void
rw_resolver_reap(RwResolver *resolver)
{
	if (resolver->pid != 0 && waitpid(resolver->pid, NULL, WNOHANG) != 0)
		resolver->pid = 0;
}
