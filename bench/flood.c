/*-------------------------------------------------------------------------
 *
 * flood.c
 *	  Asks the port while another address floods it, for bench/run.
 *
 *	flood PORT TARGET SECONDS RATE
 *
 * Asks from 127.0.0.1, 20 times a second, with a connection for each request.
 * Meanwhile, RATE connections per second come from 127.0.0.2, in turn: one
 * that says nothing, one that asks in part, one that asks a byte at a time,
 * and one that asks and does not read the answer.  The 512 latest ones are
 * kept open.
 *
 * Prints the number of requests, how many of them were answered with 200
 * within 5 s, the median and the longest of their times in microseconds, and
 * the number of connections that the other address has made.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

#define ASKS_PER_SECOND	20
#define MAX_ASKS		100000
#define KEPT			512
#define TIMEOUT_S		5

static struct sockaddr_in address = {.sin_family = AF_INET};
static char request[1024];
static double times[MAX_ASKS];

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
sleep_until(double when)
{
	double		left = when - now();

	if (left > 0)
		usleep(left);
}

/* Ask once; returns 1 if the answer is 200. */
static int
ask(void)
{
	char		answer[4096];
	size_t		len = 0;
	ssize_t		n = -1;
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int			sock = socket(AF_INET, SOCK_STREAM, 0);

	if (sock < 0)
		fail("socket");
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(sock, (struct sockaddr *) &address, sizeof(address)) == 0 &&
		send(sock, request, strlen(request), MSG_NOSIGNAL) > 0)
	{
		while ((n = recv(sock, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
			len += n;
	}
	close(sock);
	answer[len] = '\0';
	return n == 0 && strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

/* Flood, and write the number of connections to a pipe. */
static void
flood(double end, double rate, int to)
{
	static int	socks[KEPT];
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct linger linger = {.l_onoff = 1};
	double		begin = now();
	long		made = 0;
	long		n = 0;

	inet_pton(AF_INET, "127.0.0.2", &from.sin_addr);
	while (now() < end)
	{
		int			sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		struct sockaddr_in peer;
		socklen_t	len = sizeof(peer);
		int			one = 1;
		int			i = n % KEPT;

		if (sock < 0)
			fail("socket");

		/* Closed without TIME_WAIT, or there would be no ports left. */
		setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		setsockopt(sock, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
				   sizeof(one));
		if (bind(sock, (struct sockaddr *) &from, sizeof(from)) != 0)
			fail("bind");
		if (connect(sock, (struct sockaddr *) &address, sizeof(address)) != 0 &&
			errno != EINPROGRESS)
			fail("connect");
		made += getpeername(sock, (struct sockaddr *) &peer, &len) == 0;
		if (n % 4 == 1)
			send(sock, request, strlen(request) - 2, MSG_NOSIGNAL);
		else if (n % 4 == 3)
			send(sock, request, strlen(request), MSG_NOSIGNAL);

		if (n >= KEPT)
			close(socks[i]);
		socks[i] = sock;

		/* A byte from each of the latest slow ones. */
		for (i = 0; i < 16 && n - 4 * i >= 2; i++)
			send(socks[(n - (n + 2) % 4 - 4 * i + KEPT) % KEPT], request + i, 1,
				 MSG_NOSIGNAL);
		n++;
		sleep_until(begin + n / rate * 1e6);
	}
	if (write(to, &made, sizeof(made)) != sizeof(made))
		fail("write");
	exit(0);
}

int
main(int argc, char **argv)
{
	double		begin = now();
	double		end;
	double		rate;
	long		made = 0;
	int			pipes[2];
	int			asked = 0;
	int			answered = 0;

	if (argc != 5)
	{
		fprintf(stderr, "usage: flood PORT TARGET SECONDS RATE\n");
		return 1;
	}
	address.sin_port = htons(atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(request, sizeof(request), "OPTIONS %s HTTP/1.0\r\n\r\n", argv[2]);
	end = begin + atof(argv[3]) * 1e6;
	rate = atof(argv[4]);

	if (pipe(pipes) != 0)
		fail("pipe");
	if (rate > 0)
	{
		pid_t		child = fork();

		if (child < 0)
			fail("fork");
		if (child == 0)
			flood(end, rate, pipes[1]);
	}
	while (now() < end && asked < MAX_ASKS)
	{
		double		start = now();

		answered += ask();
		times[asked++] = now() - start;
		sleep_until(begin + asked * 1e6 / ASKS_PER_SECOND);
	}
	if (rate > 0 &&
		(read(pipes[0], &made, sizeof(made)) != sizeof(made) ||
		 wait(NULL) < 0))
		fail("flood");

	qsort(times, asked, sizeof(double), compare);
	printf("%d %d %.1f %.1f %ld\n", asked, answered, times[asked / 2],
		   times[asked - 1], made);
	return 0;
}
