/*-------------------------------------------------------------------------
 *
 * test_request.c
 *	  Tests of src/port/request.c and src/port/request_parameters.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/port/intern.h"
#include "unit/tap.h"

#define MB		(INT64CONST(1) << 20)
#define SECOND	INT64CONST(1000000)

static RwRequest request;

/* In memory of exactly that size, so that reading beyond it is noticed. */
static size_t
length_of(const char *data, size_t len, size_t seen)
{
	char	   *copy = malloc(len + 1);
	size_t		result;

	memcpy(copy + 1, data, len);
	result = rw_request_length(copy + 1, len, seen);
	free(copy);
	return result;
}

static void
parse_bytes(const char *data, size_t len)
{
	char	   *copy = malloc(len + 1);

	memcpy(copy + 1, data, len);
	rw_request_parse(copy + 1, len, &request);
	free(copy);
}

static void
parse(const char *data)
{
	parse_bytes(data, strlen(data));
}

/* A GET of that target, without a header. */
static void
get(const char *target)
{
	char		data[1024];

	snprintf(data, sizeof(data), "GET %s HTTP/1.1\r\n\r\n", target);
	parse(data);
}

static void
asks(const char *target, RwTopic topic)
{
	get(target);
	ok(request.refusal == 0 && !request.agent && request.topic == topic,
	   target);
}

static void
refused(const char *data, int status, const char *what)
{
	parse(data);
	is_int(request.refusal, status, what);
	ok(status == 0 || request.problem != NULL, "with a reason");
}

static void
refused_target(const char *target, int status)
{
	get(target);
	is_int(request.refusal, status, target);
}

/* Its length is the same whether it comes whole or byte by byte. */
static void
long_is(const char *data, size_t len, size_t expected, const char *what)
{
	size_t		found = 0;
	size_t		i;

	is_uint(length_of(data, len, 0), expected, what);
	for (i = 1; i <= len && found == 0; i++)
		found = length_of(data, i, i - 1);
	is_uint(found, expected, "byte by byte, too");
}

#define LONG_IS(data, expected, what) \
	long_is(data, sizeof(data) - 1, expected, what)

static void
test_length(void)
{
	section("where a request ends");

	LONG_IS("GET / HTTP/1.0\r\n\r\n", 18, "with CR LF");
	LONG_IS("GET / HTTP/1.0\n\n", 16, "with LF");
	LONG_IS("GET / HTTP/1.0\n\r\n", 17, "with both");
	LONG_IS("GET / HTTP/1.0\r\nA: b\r\n\r\nmore", 24, "more comes after it");
	LONG_IS("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 18,
			"pipelined");
	LONG_IS("GET / HTTP/1.0\r\n\r", 0, "the last byte is missing");
	LONG_IS("GET / HTTP/1.0\r\n", 0, "the header is missing");
	LONG_IS("GET / HTTP/1.0\r\n\rX\n\n", 20, "a lone CR is no end");
	LONG_IS("GET /\0\n\n", 8, "with a zero byte");
	LONG_IS("replica\n", 8, "an agent's line");
	LONG_IS("replica lag=10MB\r\nX", 18, "an agent's line with CR LF");
	LONG_IS("replica", 0, "an agent's line that is not over");
	is_uint(length_of("", 0, 0), 0, "nothing yet");
	is_uint(length_of("\x16\x03\x01\x02", 4, 0), 4, "TLS is refused at once");
	is_uint(length_of("\r\n", 2, 0), 2, "an empty line is, too");
	is_uint(length_of("\0GET", 4, 0), 4, "and a zero byte");
}

static void
test_topics(void)
{
	section("pages");

	asks("/", RW_ASK_PRIMARY);
	asks("/primary", RW_ASK_PRIMARY);
	asks("/read-write", RW_ASK_PRIMARY);
	asks("/replica", RW_ASK_REPLICA);
	asks("/read-only", RW_ASK_READ_ONLY);
	asks("/liveness", RW_ASK_LIVENESS);
	asks("/readiness", RW_ASK_READINESS);
	asks("/health", RW_ASK_HEALTH);
	asks("/metrics", RW_ASK_METRICS);
	asks("/status", RW_ASK_STATUS);
	asks("/cluster", RW_ASK_CLUSTER);
	asks("/replica?", RW_ASK_REPLICA);

	refused_target("/nothing", 404);
	refused_target("/replica/", 404);
	refused_target("/Replica", 404);
	refused_target("//", 404);
	refused_target("/%72eplica", 404);
	refused_target("/replica#x", 404);

	is_text(rw_topic_name(RW_ASK_READ_ONLY), "read-only", "its name");
}

static void
test_methods(void)
{
	section("methods");

	parse("GET / HTTP/1.0\r\n\r\n");
	is_int(request.method, RW_METHOD_GET, "GET");
	parse("HEAD /replica HTTP/1.0\r\n\r\n");
	ok(request.refusal == 0 && request.method == RW_METHOD_HEAD, "HEAD");
	parse("OPTIONS / HTTP/1.0\r\n\r\n");
	ok(request.refusal == 0 && request.method == RW_METHOD_OPTIONS,
	   "OPTIONS, HAProxy's own");

	refused("POST / HTTP/1.0\r\n\r\n", 405, "POST");
	refused("POST /replica?lag=x HTTP/1.0\r\n\r\n", 405,
			"whatever its parameters");
	refused("DELETE /nothing HTTP/1.0\r\n\r\n", 404,
			"a page that does not exist has no methods");
	refused("Get / HTTP/1.0\r\n\r\n", 405, "methods are in capitals");
}

static void
test_malformed(void)
{
	section("malformed");

	refused("GET /\r\n\r\n", 400, "HTTP/0.9");
	refused("GET / HTTP/2.0\r\n\r\n", 400, "HTTP/2");
	refused("GET / HTTP/1.\r\n\r\n", 400, "half a version");
	refused("GET / HTTP/1.10\r\n\r\n", 400, "a version that does not exist");
	refused("GET / http/1.1\r\n\r\n", 400, "small letters");
	refused("GET  / HTTP/1.1\r\n\r\n", 400, "two spaces");
	refused("GET / HTTP/1.1 \r\n\r\n", 400, "a space at the end");
	refused("GET\r\n\r\n", 400, "a method alone");
	refused("GET  HTTP/1.1\r\n\r\n", 400, "no target");
	refused("GET replica HTTP/1.1\r\n\r\n", 400, "no slash");
	refused("GET /rep\tlica HTTP/1.1\r\n\r\n", 400, "a tab in the target");
	refused("GET /r\xc3\xa4 HTTP/1.1\r\n\r\n", 400, "not ASCII");
	refused("\r\n", 400, "an empty line");
	refused("\x16\x03\x01", 400, "TLS");
	parse_bytes("GET /\0 HTTP/1.1\r\n\r\n", 19);
	is_int(request.refusal, 400, "a zero byte in the target");
	parse_bytes("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 23);
	is_int(request.refusal, 400, "a zero byte in the header");
	parse_bytes("G\0T / HTTP/1.1\r\n\r\n", 18);
	is_int(request.refusal, 400, "a zero byte in the method");

	refused("GET / HTTP/1.1\r\nHost\r\n\r\n", 400, "a header without colon");
	refused("GET / HTTP/1.1\r\n: x\r\n\r\n", 400, "a header without name");
	refused("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400, "a name with a space");
	refused("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "a space before the colon");
	refused("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400, "a folded header");
	refused("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400, "CR within a header");
	refused("GET / HTTP/1.1\r\nHost:\r\nA:b\r\n\r\n", 0, "a header without value");
	refused("GET / HTTP/1.1\nHost: x\n\n", 0, "lines that end with LF");
}

/* A GET of that target with that header line. */
static void
get_with(const char *target, const char *header)
{
	char		data[1024];

	snprintf(data, sizeof(data), "GET %s HTTP/1.1\r\n%s\r\n\r\n", target,
			 header);
	parse(data);
}

static void
test_forms(void)
{
	section("forms of targets");

	asks("http://db1:8009/replica?lag=10MB", RW_ASK_REPLICA);
	is_int(request.limits.bytes, 10 * MB, "with its parameters");
	asks("http://db1/metrics", RW_ASK_METRICS);
	asks("HTTP://db1/status", RW_ASK_STATUS);
	asks("http://[::1]:8009/liveness", RW_ASK_LIVENESS);
	asks("http://db1:8009", RW_ASK_PRIMARY);
	asks("http://db1:8009/", RW_ASK_PRIMARY);
	asks("http://db1:/health", RW_ASK_HEALTH);
	parse("OPTIONS * HTTP/1.1\r\nHost: db1\r\n\r\n");
	ok(request.refusal == 0 && request.method == RW_METHOD_OPTIONS &&
	   request.topic == RW_ASK_LIVENESS, "OPTIONS *: is the server there?");
	parse("OPTIONS http://db1:8009 HTTP/1.1\r\n\r\n");
	ok(request.refusal == 0 && request.topic == RW_ASK_LIVENESS,
	   "the same in a proxy's words");
	parse("OPTIONS http://db1:8009/ HTTP/1.1\r\n\r\n");
	ok(request.refusal == 0 && request.topic == RW_ASK_PRIMARY,
	   "but not with a path");

	refused_target("*", 400);
	refused_target("**", 400);
	refused_target("http://db1/nothing", 404);
	refused_target("http://db1?lag=5s", 400);
	refused_target("http://", 400);
	refused_target("http:///replica", 400);
	refused_target("http://:8009/replica", 400);
	refused_target("http://db1:x/replica", 400);
	refused_target("http://db1:80:09/replica", 400);
	refused_target("http://user@db1/replica", 400);
	refused_target("http://d%62/replica", 400);
	refused_target("http://[::1/replica", 400);
	refused_target("http://[]/replica", 400);
	refused_target("http://[::1]8009/replica", 400);
	refused_target("http://::1/replica", 400);
	refused_target("http:/replica", 400);
	refused_target("https://db1/replica", 400);
	refused_target("db1:8009", 400);
	refused("OPTIONS *?lag=5s HTTP/1.1\r\n\r\n", 400, "* with a parameter");
	refused("POST http://db1/replica HTTP/1.1\r\n\r\n", 405, "POST");
	refused("HEAD * HTTP/1.1\r\n\r\n", 400, "* is for OPTIONS");
}

/* Is a request with this host understood, and that another machine's? */
static void
host_is(const char *host, bool other)
{
	char		header[256];

	snprintf(header, sizeof(header), "Host: %s", host);
	get_with("/replica", header);
	ok(request.refusal == 0 && request.other_host == other, host);
	snprintf(header, sizeof(header), "http://%s/replica", host);
	get_with(header, "Host: db1");
	ok(request.refusal == 0 && request.other_host == other,
	   "in the target, whatever the header has");
	get_with(header, "Host: 127.0.0.1");
	ok(request.refusal == 0 && request.other_host == other, "likewise");
}

static void
host_is_malformed(const char *host)
{
	char		header[256];

	snprintf(header, sizeof(header), "Host: %s", host);
	get_with("/replica", header);
	is_int(request.refusal, 400, host);
	get_with("http://db1/replica", header);
	is_int(request.refusal, 400, "also where it does not count");
}

static void
test_hosts(void)
{
	section("hosts");

	host_is("localhost", false);
	host_is("localhost:18009", false);
	host_is("LocalHost.:8009", false);
	host_is("127.0.0.1", false);
	host_is("127.0.0.1:8009", false);
	host_is("127.255.0.3:", false);
	host_is("[::1]", false);
	host_is("[::1]:8009", false);

	host_is("db1", true);
	host_is("db1:8009", true);
	host_is("evil.example.com", true);
	host_is("localhost.evil.example.com", true);
	host_is("localhost..", true);
	host_is("localhos", true);
	host_is("127.0.0.1.evil.example.com", true);
	host_is("127.0.0.1.", true);
	host_is("127.0.0.1.1", true);
	host_is("127.0.0", true);
	host_is("127.1", true);
	host_is("127.0.0.256", true);
	host_is("127.0.0.0001", true);
	host_is("127.0.0.x", true);
	host_is("127..0.1", true);
	host_is("128.0.0.1", true);
	host_is("10.0.0.1:8009", true);
	host_is("0.0.0.0", true);
	host_is("2130706433", true);
	host_is("[::2]", true);
	host_is("[::]", true);
	host_is("[::ffff:127.0.0.1]:8009", true);

	host_is_malformed("user@localhost");
	host_is_malformed("localhost:80x");
	host_is_malformed("localhost:80:80");
	host_is_malformed(":8009");
	host_is_malformed("::1");
	host_is_malformed("[::1");
	host_is_malformed("[]");
	host_is_malformed("[::1]x");
	host_is_malformed("[");
	host_is_malformed("localhost, db1");
	host_is_malformed("http://localhost");
	host_is_malformed("%6cocalhost");

	get("/replica");
	ok(!request.has_host && !request.other_host, "no host");
	get_with("/replica", "Host:");
	ok(request.refusal == 0 && !request.other_host, "an empty one");
	get_with("/replica", "hOST:\t 127.0.0.1 \t");
	ok(request.refusal == 0 && !request.other_host, "blanks around it");
	get_with("/replica", "X-Forwarded-Host: db1\r\nHostname: db1");
	ok(!request.has_host && !request.other_host, "headers of like names");
	get_with("/replica", "Host: localhost\r\nHost: localhost");
	is_int(request.refusal, 400, "two are refused");
	get_with("/replica", "Host:\r\nA: b\r\nhost: localhost");
	is_int(request.refusal, 400, "so they are if one is empty");
	get_with("/nothing", "Host: db1");
	ok(request.refusal == 404 && request.other_host,
	   "it is read whatever the page");
}

static void
test_headers(void)
{
	section("headers that matter");

	parse("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n");
	ok(request.refusal == 0 && request.topic == RW_ASK_METRICS,
	   "what Prometheus accepts");
	ok(!request.has_body, "no body");
	parse("GET / HTTP/1.1\r\ncontent-length: 5\r\n\r\n");
	ok(request.refusal == 0 && request.has_body, "a body");
	parse("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
	ok(request.refusal == 0 && request.has_body, "a chunked body");
}

static void
test_lag(void)
{
	const RwAskLimits *limits = &request.limits;

	section("lag=");

	get("/replica");
	ok(!limits->has_bytes && !limits->has_time, "no limit");
	get("/replica?lag=10MB");
	ok(limits->has_bytes && !limits->has_time && limits->bytes == 10 * MB,
	   "in bytes");
	get("/read-only?lag=5s");
	ok(!limits->has_bytes && limits->has_time && limits->time == 5 * SECOND,
	   "in time");
	get("/readiness?lag=10MB&lag=5s");
	ok(limits->bytes == 10 * MB && limits->time == 5 * SECOND, "both");
	get("/replica?lag=1048576");
	is_int(limits->bytes, MB, "a bare number is bytes");
	get("/replica?lag=0");
	ok(limits->has_bytes && limits->bytes == 0, "nothing may be missing");
	get("/replica?lag=0s");
	ok(limits->has_time && limits->time == 0, "in time");
	get("/replica?lag=0.5s");
	is_int(limits->time, SECOND / 2, "a decimal number");
	get("/replica?lag=1.5kB");
	is_int(limits->bytes, 1536, "of bytes");
	get("/replica?lag=7B");
	is_int(limits->bytes, 7, "B");
	get("/replica?lag=2GB");
	is_int(limits->bytes, 2048 * MB, "GB");
	get("/replica?lag=3TB");
	is_int(limits->bytes, 3 * MB * MB, "TB");
	get("/replica?lag=4us");
	is_int(limits->time, 4, "us");
	get("/replica?lag=500ms");
	is_int(limits->time, 500000, "ms");
	get("/replica?lag=2min");
	is_int(limits->time, 120 * SECOND, "min");
	get("/replica?lag=1h");
	is_int(limits->time, 3600 * SECOND, "h");
	get("/replica?lag=1d");
	is_int(limits->time, 86400 * SECOND, "d");
	get("/replica?lag=8388606TB");
	is_int(limits->bytes, 8388606 * MB * MB, "the largest amount");
	get("/replica?l%61g=1");
	is_int(request.refusal, 400, "names are not encoded");
	get("/replica?lag=%31%30MB");
	is_int(limits->bytes, 10 * MB, "values may be encoded");

	refused_target("/replica?lag=8388608TB", 400);
	refused_target("/replica?lag=999999999999999999d", 400);
	refused_target("/replica?lag=9999999999999999999", 400);
	refused_target("/replica?lag=10MB&lag=5MB", 400);
	refused_target("/replica?lag=5s&lag=5s", 400);
	refused_target("/replica?lag=", 400);
	refused_target("/replica?lag", 400);
	refused_target("/replica?lag=MB", 400);
	refused_target("/replica?lag=-5", 400);
	refused_target("/replica?lag=+5", 400);
	refused_target("/replica?lag=10mb", 400);
	refused_target("/replica?lag=10M", 400);
	refused_target("/replica?lag=10+MB", 400);
	refused_target("/replica?lag=1.", 400);
	refused_target("/replica?lag=.5s", 400);
	refused_target("/replica?lag=1.5.5s", 400);
	refused_target("/replica?lag=1.1234567s", 400);
	refused_target("/replica?lag=0x10", 400);
	refused_target("/replica?lag=1e3", 400);
	refused_target("/replica?lag=10MB5s", 400);
	refused_target("/replica?lag=%3", 400);
	refused_target("/replica?lag=%zz", 400);
	refused_target("/replica?lag=5%00", 400);
	refused_target("/replica?lag=0000000000000000000000000000000000000000000000000000000000000000000000000", 400);
}

static void
test_parameters(void)
{
	const RwAskLimits *limits = &request.limits;

	section("other parameters");

	get("/replica?lsn=0/3000060");
	ok(limits->has_lsn && limits->lsn == 0x3000060, "an LSN");
	get("/replica?lsn=1A%2Fffffffff");
	ok(limits->lsn == UINT64CONST(0x1AFFFFFFFF), "encoded");
	get("/replica?token=6a1f0c2e9b3d4857:00000003:00000000/03000060");
	ok(limits->has_token &&
	   limits->token_system == UINT64CONST(0x6A1F0C2E9B3D4857) &&
	   limits->token_tli == 3 && limits->token_lsn == 0x3000060, "a token");
	get("/replica?token=FFFFFFFFFFFFFFFF%3AFFFFFFFF%3AFFFFFFFF%2FFFFFFFFF");
	ok(limits->token_system == PG_UINT64_MAX &&
	   limits->token_tli == PG_UINT32_MAX &&
	   limits->token_lsn == PG_UINT64_MAX, "the largest");
	get("/replica?cut_off=serve&lag=5s");
	ok(limits->has_cut_off && limits->has_time, "cut_off");
	is_int(limits->cut_off, RW_CUT_OFF_FOR_EVER, "for any time");
	get("/replica?cut_off=1h");
	is_int(limits->cut_off, RW_HOUR, "for an hour");
	get("/read-only?cut_off=0s");
	ok(limits->has_cut_off && limits->cut_off == 0, "for no time");
	get("/readiness?cut_off=0");
	ok(limits->has_cut_off && limits->cut_off == 0, "0 needs no unit");
	get("/replica?lag=5s");
	ok(!limits->has_cut_off, "nothing said of it");
	get("/replica?&lag=5s&&");
	ok(request.refusal == 0 && limits->has_time, "nothing between two");

	refused_target("/replica?lsn=", 400);
	refused_target("/replica?lsn=0", 400);
	refused_target("/replica?lsn=0/", 400);
	refused_target("/replica?lsn=/0", 400);
	refused_target("/replica?lsn=0/3000060x", 400);
	refused_target("/replica?lsn=100000000/0", 400);
	refused_target("/replica?lsn=0/0&lsn=0/0", 400);
	refused_target("/replica?token=0/3000060", 400);
	refused_target("/replica?token=3:0/3000060", 400);
	refused_target("/replica?token=6a1f0c2e9b3d4857:00000000:00000000/03000060", 400);
	refused_target("/replica?token=6a1f0c2e9b3d4857:3:0/3000060", 400);
	refused_target("/replica?token=6a1f0c2e9b3d4857:00000003:00000000/030000600", 400);
	refused_target("/replica?token=6a1f0c2e9b3d4857:00000003:00000000/03000060"
				   "&token=6a1f0c2e9b3d4857:00000003:00000000/03000060", 400);
	refused_target("/replica?cut_off=drop", 400);
	refused_target("/replica?cut_off=serve&cut_off=serve", 400);
	refused_target("/replica?cut_off=1h&cut_off=serve", 400);
	refused_target("/replica?cut_off=", 400);
	refused_target("/replica?cut_off=10", 400);
	refused_target("/replica?cut_off=1MB", 400);
	refused_target("/replica?cut_off=-1s", 400);
	refused_target("/primary?cut_off=0", 400);
	refused_target("/replica?floor=1", 400);
	refused_target("/replica?Lag=5s", 400);
	refused_target("/replica?x", 400);
	refused_target("/replica?=", 400);
	refused_target("/primary?lag=5s", 400);
	refused_target("/?lag=5s", 400);
	refused_target("/liveness?lag=5s", 400);
	refused_target("/health?lag=5s", 400);
	refused_target("/metrics?x=1", 400);
	refused_target("/status?x=1", 400);
	refused_target("/cluster?x=1", 400);
}

static void
agent_asks(const char *line, RwTopic topic, const char *what)
{
	parse(line);
	ok(request.agent && request.refusal == 0 && request.topic == topic,
	   what);
}

static void
test_agent(void)
{
	const RwAskLimits *limits = &request.limits;

	section("agent's lines");

	agent_asks("primary\n", RW_ASK_PRIMARY, "primary");
	agent_asks("replica\n", RW_ASK_REPLICA, "replica");
	ok(!limits->has_bytes && !limits->has_time && limits->floor == 0,
	   "no limits");
	agent_asks("replica\r\n", RW_ASK_REPLICA, "CR LF");
	agent_asks("replica lag=10MB\n", RW_ASK_REPLICA, "a limit");
	is_int(limits->bytes, 10 * MB, "in bytes");
	agent_asks("replica lag=10MB  lag=5s floor=1 \n", RW_ASK_REPLICA,
			   "all, and spaces");
	ok(limits->bytes == 10 * MB && limits->time == 5 * SECOND &&
	   limits->floor == 1, "each is there");

	agent_asks("replica lag=1s cut_off=5min\n", RW_ASK_REPLICA, "cut off");
	is_int(limits->cut_off, 5 * 60 * SECOND, "for so long");
	agent_asks("replica cut_off=serve\n", RW_ASK_REPLICA, "cut off");
	is_int(limits->cut_off, RW_CUT_OFF_FOR_EVER, "for any time");
	refused("replica cut_off=1\n", 400, "cut off for a number");
	refused("primary cut_off=0s\n", 400, "a primary that is cut off");

	refused("standby\n", 400, "another word");
	refused("replicas\n", 400, "a longer word");
	refused("primary lag=5s\n", 400, "primary with a limit");
	refused("replica lag=\n", 400, "no amount");
	refused("replica lag=%31\n", 400, "the agent's line is not encoded");
	refused("replica lsn=0/0\n", 400, "lsn");
	refused("replica floor=0\n", 400, "floor 0");
	refused("replica floor=101\n", 400, "floor 101");
	refused("replica floor=1%\n", 400, "floor with a sign");
	refused("replica floor=1 floor=1\n", 400, "floor twice");
	refused("replica\tlag=5s\n", 400, "a tab");
	parse_bytes("replica\0\n", 9);
	is_int(request.refusal, 400, "a zero byte");
	ok(request.agent, "it is answered as an agent");
}

int
main(void)
{
	test_length();
	test_topics();
	test_methods();
	test_malformed();
	test_forms();
	test_hosts();
	test_headers();
	test_lag();
	test_parameters();
	test_agent();
	return tap_end();
}
