/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  Answers of the port in HTTP.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/units.h"
#include "src/port/intern.h"

#define JSON_TYPE	"application/json"

static const char *
status_phrase(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 400:
			return "Bad Request";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 408:
			return "Request Timeout";
		case 421:
			return "Misdirected Request";
		case 431:
			return "Request Header Fields Too Large";
		case 503:
			return "Service Unavailable";
	}
	return "Unknown";
}

void
rw_answer_head(RwText *out, int status, const char *type, size_t length)
{
	rw_text_add(out, "HTTP/1.1 ");
	rw_text_int(out, status);
	rw_text_adds(out, " ", status_phrase(status), "\r\n",
				 "Content-Type: ", type, "\r\n",
				 "Content-Length: ", NULL);
	rw_text_int(out, (int64) length);
	rw_text_add(out, "\r\nCache-Control: no-store\r\nConnection: close\r\n");
	if (status == 405)
		rw_text_add(out, "Allow: GET, HEAD, OPTIONS\r\n");
	rw_text_add(out, "\r\n");
}

/* An answer with a body of JSON, which HEAD leaves out. */
static void
add_json_answer(RwText *out, int status, RwMethod method,
				const RwText *body)
{
	rw_answer_head(out, status, JSON_TYPE, body->len);
	if (method != RW_METHOD_HEAD)
		rw_text_add(out, body->data);
}

static void
add_member_bool(RwText *body, const char *name, bool value)
{
	rw_text_adds(body, ",\"", name, "\":", value ? "true" : "false", NULL);
}

static void
add_lag(RwText *body, const RwVerdict *verdict)
{
	rw_text_add(body, ",\"lag\":");
	if (verdict->lag_known)
	{
		rw_text_decimal(body, verdict->lag / RW_MS, 3);
		rw_text_add(body, ",\"lag_bound\":");
		rw_text_quoted(body, verdict->lag_bound);
	}
	else
		rw_text_add(body, "null,\"lag_bound\":null");

	rw_text_add(body, ",\"lag_bytes\":");
	if (verdict->missing_bytes >= 0)
		rw_text_int(body, verdict->missing_bytes);
	else
		rw_text_add(body, "null");

	add_member_bool(body, "cut_off", verdict->cut_off);
	if (verdict->cut_off)
	{
		rw_text_add(body, ",\"staleness\":\"");
		if (verdict->lag_known)
		{
			rw_text_adds(body, verdict->lag_bound, " ", NULL);
			rw_text_duration(body, verdict->lag);
		}
		else
			rw_text_add(body, "not known");
		rw_text_add(body, "\"");
	}
}

void
rw_answer_check(RwText *out, const RwRequest *request,
				const RwVerdict *verdict)
{
	char		buffer[RW_ANSWER_MAX / 2];
	RwText		body;

	rw_text_begin(&body, buffer, sizeof(buffer));
	rw_text_adds(&body, "{\"ok\":", verdict->yes ? "true" : "false",
				 ",\"check\":", NULL);
	rw_text_quoted(&body, rw_topic_name(request->topic));
	rw_text_add(&body, ",\"role\":");
	if (verdict->role)
		rw_text_quoted(&body, verdict->role);
	else
		rw_text_add(&body, "null");
	if (verdict->shows_lag)
		add_lag(&body, verdict);
	if (!verdict->yes)
	{
		rw_text_add(&body, ",\"reason\":");
		rw_text_quoted(&body, verdict->why);
	}
	rw_text_add(&body, "}\n");

	add_json_answer(out, verdict->yes ? 200 : 503, request->method, &body);
}

void
rw_answer_refusal(RwText *out, int status, RwMethod method,
				  const char *reason)
{
	char		buffer[RW_ANSWER_MAX / 2];
	RwText		body;

	rw_text_begin(&body, buffer, sizeof(buffer));
	rw_text_add(&body, "{\"ok\":false,\"reason\":");
	rw_text_quoted(&body, reason);
	rw_text_add(&body, "}\n");
	add_json_answer(out, status, method, &body);
}
