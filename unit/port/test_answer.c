/*-------------------------------------------------------------------------
 *
 * test_answer.c
 *	  Tests of src/port/answer.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <stdlib.h>

#include "src/port/intern.h"
#include "unit/tap.h"

static char buffer[RW_ANSWER_MAX];
static RwText out;
static RwRequest request;
static RwVerdict verdict;

static void
fresh(void)
{
	memset(buffer, 'x', sizeof(buffer));
	rw_text_begin(&out, buffer, sizeof(buffer));
}

/* The body, after checking that Content-Length is its length. */
static const char *
body(void)
{
	const char *header = strstr(buffer, "Content-Length: ");
	const char *end = strstr(buffer, "\r\n\r\n");

	if (header == NULL || end == NULL || out.full)
		return "(no answer)";
	is_int(atoi(header + 16), strlen(end + 4), "Content-Length is right");
	return end + 4;
}

static void
check_is(const char *first_line, const char *expected)
{
	fresh();
	rw_answer_check(&out, &request, &verdict);
	ok(strncmp(buffer, first_line, strlen(first_line)) == 0, first_line);
	is_text(body(), expected, "and the body");
}

static void
test_checks(void)
{
	section("health checks");

	request.topic = RW_ASK_PRIMARY;
	verdict.yes = true;
	verdict.role = "primary";
	check_is("HTTP/1.1 200 OK\r\n",
			 "{\"ok\":true,\"check\":\"primary\",\"role\":\"primary\"}\n");

	request.topic = RW_ASK_REPLICA;
	verdict.yes = false;
	strcpy(verdict.why, "no \"reason\"");
	verdict.role = NULL;
	check_is("HTTP/1.1 503 Service Unavailable\r\n",
			 "{\"ok\":false,\"check\":\"replica\",\"role\":null,"
			 "\"reason\":\"no \\\"reason\\\"\"}\n");

	verdict.yes = true;
	verdict.role = "standby";
	verdict.shows_lag = true;
	verdict.lag_known = true;
	verdict.lag = 1234567;
	verdict.lag_bound = "exact";
	verdict.missing_bytes = 42;
	check_is("HTTP/1.1 200 OK\r\n",
			 "{\"ok\":true,\"check\":\"replica\",\"role\":\"standby\","
			 "\"lag\":1.234,\"lag_bound\":\"exact\",\"lag_bytes\":42,"
			 "\"cut_off\":false}\n");

	verdict.cut_off = true;
	verdict.lag = 42 * RW_SECOND;
	verdict.lag_bound = "at most";
	verdict.missing_bytes = 0;
	check_is("HTTP/1.1 200 OK\r\n",
			 "{\"ok\":true,\"check\":\"replica\",\"role\":\"standby\","
			 "\"lag\":42.000,\"lag_bound\":\"at most\",\"lag_bytes\":0,"
			 "\"cut_off\":true,\"staleness\":\"at most 42 s\"}\n");

	verdict.lag_known = false;
	verdict.missing_bytes = -1;
	check_is("HTTP/1.1 200 OK\r\n",
			 "{\"ok\":true,\"check\":\"replica\",\"role\":\"standby\","
			 "\"lag\":null,\"lag_bound\":null,\"lag_bytes\":null,"
			 "\"cut_off\":true,\"staleness\":\"not known\"}\n");

	ok(strstr(buffer, "\r\nContent-Type: application/json\r\n") != NULL,
	   "it is JSON");
	ok(strstr(buffer, "\r\nConnection: close\r\n") != NULL,
	   "the connection ends");
}

static void
test_methods(void)
{
	char		with_body[RW_ANSWER_MAX];

	section("methods");

	request.method = RW_METHOD_OPTIONS;
	fresh();
	rw_answer_check(&out, &request, &verdict);
	strcpy(with_body, buffer);
	request.method = RW_METHOD_GET;
	fresh();
	rw_answer_check(&out, &request, &verdict);
	is_text(buffer, with_body, "OPTIONS is answered like GET");
	request.method = RW_METHOD_HEAD;
	fresh();
	rw_answer_check(&out, &request, &verdict);
	*(strstr(with_body, "\r\n\r\n") + 4) = '\0';
	is_text(buffer, with_body, "HEAD without the body");
}

static void
test_refusals(void)
{
	section("refusals");

	fresh();
	rw_answer_refusal(&out, 400, RW_METHOD_GET, "it is");
	is_text(body(), "{\"ok\":false,\"reason\":\"it is\"}\n", "with a reason");
	ok(strstr(buffer, "Allow:") == NULL, "no methods are listed");
	fresh();
	rw_answer_refusal(&out, 405, RW_METHOD_GET, "it is");
	ok(strstr(buffer, "405 Method Not Allowed\r\n") != NULL &&
	   strstr(buffer, "\r\nAllow: GET, HEAD, OPTIONS\r\n") != NULL,
	   "405 lists the methods");
	fresh();
	rw_answer_refusal(&out, 431, RW_METHOD_GET, "");
	ok(strstr(buffer, "431 Request Header Fields Too Large\r\n") != NULL, "431");
	fresh();
	rw_answer_refusal(&out, 421, RW_METHOD_GET, "");
	ok(strstr(buffer, "421 Misdirected Request\r\n") != NULL, "421");
	fresh();
	rw_answer_refusal(&out, 408, RW_METHOD_GET, "");
	ok(strstr(buffer, "408 Request Timeout\r\n") != NULL, "408");
	fresh();
	rw_answer_refusal(&out, 404, RW_METHOD_HEAD, "it is");
	is_text(strstr(buffer, "\r\n\r\n"), "\r\n\r\n", "HEAD has no body");
}

/* The longest answer. */
static void
test_room(void)
{
	section("room");

	memset(&verdict, 0, sizeof(verdict));
	memset(verdict.why, '"', RW_WHY_LEN - 1);
	request.method = RW_METHOD_GET;
	request.topic = RW_ASK_READ_ONLY;
	verdict.role = "standby";
	verdict.shows_lag = verdict.lag_known = verdict.cut_off = true;
	verdict.lag = PG_INT64_MAX;
	verdict.lag_bound = "at least";
	verdict.missing_bytes = PG_INT64_MAX;
	fresh();
	rw_answer_check(&out, &request, &verdict);
	ok(!out.full && buffer[out.len - 2] == '}', "there is room for the longest answer");
	(void) body();
}

int
main(void)
{
	test_checks();
	test_methods();
	test_refusals();
	test_room();
	return tap_end();
}
