/*-------------------------------------------------------------------------
 *
 * fuzz_request.c
 *	  Feeds bytes to the parser of the port, and answers its requests.
 *
 * Built with clang's libFuzzer and sanitizers; "make fuzz" runs it, on the
 * inputs in unit/corpus/request and on those that it derives from them.  An
 * input is the bytes of one client, which come in pieces of sizes that its
 * last byte chooses.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/port/intern.h"
#include "unit/fuzz.h"

/* Answer a request, with facts to which its limits apply. */
static void
answer(const RwRequest *request)
{
	static RwAgentMemory memory;
	static RwTimeline timeline;
	RwCheckFacts facts;
	RwVerdict	verdict;
	RwText		out;
	char		buffer[RW_ANSWER_MAX];
	char		line[RW_AGENT_LINE_LEN];
	int			i;

	memset(&facts, 0, sizeof(facts));
	facts.now = 100 * RW_DAY;
	facts.accepting = true;
	facts.position = 0x3000000;
	facts.tli = 2;
	facts.sample_age_max = 3 * RW_SECOND;
	facts.standby.sampled_at = facts.now;
	facts.standby.missing_bytes = 4096;
	facts.standby.stale_since = facts.now - RW_SECOND;
	MUST(rw_timeline_parse(&timeline, 2, "1\t0/2000000\n", 12));
	facts.timeline = &timeline;

	for (i = 0; i < 16; i++)
	{
		facts.in_recovery = (i & 1) != 0;
		facts.standby.cut_off = facts.standby.at_most = (i & 2) != 0;
		facts.standby.lag_known = !facts.standby.cut_off;
		facts.standby.cut_off_since = (i & 4) != 0 ?
			facts.now - 10 * RW_SECOND : RW_NEVER;
		facts.standby.was_in_step = (i & 8) != 0;

		if (request->agent)
		{
			rw_verdict_agent(request, &facts, &memory, 0, 10 * RW_SECOND,
							 5 * RW_SECOND, line);
			MUST(strncmp(line, "up ready ", 9) == 0 ||
				 strncmp(line, "down #", 6) == 0 ||
				 strcmp(line, "drain\n") == 0);
			MUST(strchr(line, '\n') == line + strlen(line) - 1);
			continue;
		}
		rw_verdict(request, &facts, &verdict);
		MUST(verdict.yes == (verdict.why[0] == '\0'));
		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_answer_check(&out, request, &verdict);
		MUST(!out.full);
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	size_t		step = size > 0 ? data[size - 1] % 16 + 1 : 1;
	size_t		length = 0;
	size_t		seen = 0;
	size_t		len;
	RwRequest	request;
	char	   *copy;

	size = Min(size, RW_REQUEST_MAX);
	for (len = Min(step, size); length == 0; len = Min(len + step, size))
	{
		/* In memory of just that size: to read beyond it is an error. */
		copy = malloc(len);
		memcpy(copy, data, len);
		length = rw_request_length(copy, len, seen);
		free(copy);
		seen = len;
		if (len == size)
			break;
	}
	MUST(length <= seen);

	/* What is not whole is refused unread; parsing it must do no harm. */
	copy = malloc(seen);
	memcpy(copy, data, seen);
	MUST(length == 0 || rw_request_length(copy, seen, 0) <= seen);
	free(copy);
	len = length > 0 ? length : seen;
	copy = malloc(len);
	memcpy(copy, data, len);
	rw_request_parse(copy, len, &request);
	free(copy);

	MUST((request.refusal != 0) == (request.problem != NULL));
	MUST(!request.agent || (!request.has_host && !request.other_host));
	MUST(request.refusal == 0 || request.refusal == 400 ||
		 request.refusal == 404 || request.refusal == 405);
	if (request.refusal == 0)
	{
		MUST(!request.limits.has_bytes || request.limits.bytes >= 0);
		MUST(!request.limits.has_time || request.limits.time >= 0);
		MUST(request.limits.floor >= 0 && request.limits.floor <= 100);
		answer(&request);
	}
	return 0;
}
