/*-------------------------------------------------------------------------
 *
 * ask.c
 *	  Repeats a health check, as one client, for bench/run.
 *
 *	ask PORT TARGET SECONDS
 *
 * Each request has a connection of its own, as a proxy's has.  Prints requests
 * per second, and the median and the 99th percentile of their times in
 * microseconds.  An answer other than 200 ends the program.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timing.h"

#define MAX_TIMES	10000000

static double *times;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
ask(const struct sockaddr_in *address, const char *request)
{
	char		answer[4096];
	size_t		len = 0;
	ssize_t		n;
	int			sock = socket(AF_INET, SOCK_STREAM, 0);

	if (sock < 0 ||
		connect(sock, (const struct sockaddr *) address, sizeof(*address)) != 0)
		fail("connect");
	if (send(sock, request, strlen(request), 0) != (ssize_t) strlen(request))
		fail("send");
	while ((n = recv(sock, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += n;
	if (n < 0)
		fail("recv");
	close(sock);
	answer[len] = '\0';
	if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
	{
		fprintf(stderr, "unexpected answer: %s\n", answer);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char		request[1024];
	double		begin;
	double		end;
	long		n = 0;

	if (argc != 4)
	{
		fprintf(stderr, "usage: ask PORT TARGET SECONDS\n");
		return 1;
	}
	address.sin_port = htons(atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(request, sizeof(request), "OPTIONS %s HTTP/1.0\r\n\r\n", argv[2]);
	times = malloc(MAX_TIMES * sizeof(double));
	if (times == NULL)
		fail("malloc");

	begin = now();
	end = begin + atof(argv[3]) * 1e6;
	while (now() < end && n < MAX_TIMES)
	{
		double		start = now();

		ask(&address, request);
		times[n++] = now() - start;
	}
	end = now();
	qsort(times, n, sizeof(double), compare);
	printf("%.0f %.1f %.1f\n", n / (end - begin) * 1e6, times[n / 2],
		   times[n * 99 / 100]);
	return 0;
}
