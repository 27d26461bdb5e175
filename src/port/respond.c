/*-------------------------------------------------------------------------
 *
 * respond.c
 *	  From a request's bytes to the bytes that answer it.
 *
 * An agent's line and a health check are answered with a verdict (verdict.c)
 * from the facts of the moment (check_facts.c), a page is rendered (page.c).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/port/intern.h"
#include "src/port/page.h"
#include "src/settings.h"
#include "src/wait/wait.h"

StaticAssertDecl(RW_ANSWER_MAX >= RW_AGENT_LINE_LEN,
				 "no room for an agent's line in an answer");

static void
begin_response(RwResponse *response)
{
	rw_text_begin(&response->out, response->buffer,
				  sizeof(response->buffer));
	response->page = NULL;
	response->try_again = false;
	response->lacks_buffer = false;
}

void
rw_respond_refusal(int status, const char *reason, RwResponse *response)
{
	begin_response(response);
	rw_answer_refusal(&response->out, status, RW_METHOD_GET, reason);
}

static void
respond_to_agent(RwResponder *responder, RwPortPeer peer,
				 const RwRequest *request, RwResponse *response)
{
	RwCheckFacts facts;
	char		line[RW_AGENT_LINE_LEN];

	/* HAProxy would ignore an answer that it does not understand. */
	if (request->refusal != 0)
	{
		rw_verdict_agent_no(&response->out, request->problem);
		return;
	}
	if (rw_port_serves == RW_SERVES_METRICS)
	{
		rw_verdict_agent_no(&response->out,
							"agent checks are disabled by replwatch.port_serves");
		return;
	}
	rw_check_facts_collect(&facts, request, &responder->timelines);
	rw_verdict_agent(request, &facts, &responder->agents, peer,
					 rw_route_lag_ms * RW_MS, rw_route_hold_ms * RW_MS, line);
	rw_text_add(&response->out, line);
}

static void
respond_with_page(RwResponder *responder, const RwRequest *request,
				  RwResponse *response)
{
	const char *reason = responder->busy[0] != '\0' ? responder->busy :
		"the page could not be made within 5 s: other pages came first";
	RwPage	   *page = NULL;

	if (responder->may_make_page)
	{
		response->lacks_buffer = !rw_page_has_room();
		page = rw_page_make(request, &reason, &response->try_again);

		/* A try that meets a busy lock counts: it can take as long. */
		responder->may_make_page = response->lacks_buffer;
		strlcpy(responder->busy, response->try_again ? reason : "",
				sizeof(responder->busy));
	}
	else
		response->try_again = true;
	if (page == NULL)
	{
		rw_answer_refusal(&response->out, 503, request->method, reason);
		return;
	}
	rw_answer_head(&response->out, 200, page->type, page->text.len);
	if (request->method == RW_METHOD_HEAD)
		rw_page_release(page);
	else
		response->page = page;
}

void
rw_respond(RwResponder *responder, RwPortPeer peer, const char *data,
		   size_t length, RwRequest *request, RwResponse *response)
{
	RwCheckFacts facts;
	RwVerdict	verdict;
	bool		is_page;

	begin_response(response);
	rw_request_parse(data, length, request);
	if (request->agent)
	{
		respond_to_agent(responder, peer, request, response);
		return;
	}
	if (request->refusal != 400 && request->other_host &&
		responder->loopback_only)
	{
		rw_answer_refusal(&response->out, 421, request->method,
						  "this port listens on loopback only: the Host must be localhost, an address of 127.0.0.0/8, or [::1]");
		return;
	}
	if (request->refusal != 0)
	{
		rw_answer_refusal(&response->out, request->refusal, request->method,
						  request->problem);
		return;
	}

	is_page = request->topic == RW_ASK_METRICS ||
		request->topic == RW_ASK_STATUS ||
		request->topic == RW_ASK_CLUSTER;
	if (rw_port_serves == (is_page ? RW_SERVES_HEALTH : RW_SERVES_METRICS))
	{
		rw_answer_refusal(&response->out, 404, request->method,
						  "this page is disabled by replwatch.port_serves");
		return;
	}
	if (is_page)
	{
		respond_with_page(responder, request, response);
		return;
	}

	request->limits.lsn = rw_before_page_header(request->limits.lsn);
	request->limits.token_lsn =
		rw_before_page_header(request->limits.token_lsn);
	rw_check_facts_collect(&facts, request, &responder->timelines);
	rw_verdict(request, &facts, &verdict);
	rw_answer_check(&response->out, request, &verdict);
}
