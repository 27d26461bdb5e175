/*-------------------------------------------------------------------------
 *
 * report_fill.c
 *	  From a round of the sampling worker to its report.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/render.h"
#include "src/worker/report_fill.h"

/*
 * A standby that is busy is a little behind in one look and not in the next.
 * That is no change of words.
 */
#define KEEPS_UP	(1 * RW_SECOND)

static RwServerRole
role_of(const RwFacts *facts)
{
	int			i;

	if (!facts->in_recovery)
		return RW_ROLE_PRIMARY;
	if (facts->crash_recovery)
		return RW_ROLE_UNKNOWN;
	for (i = 0; i < facts->nsenders; i++)
	{
		if (facts->senders[i].replica)
			return RW_ROLE_CASCADE;
	}
	return RW_ROLE_STANDBY;
}

/* A server of which nothing is known yet. */
static void
begin_server(RwServer *server)
{
	memset(server, 0, sizeof(RwServer));
	server->lag = server->streaming_for = server->gone_for = -1;
	server->staleness = -1;
	server->health = RW_HEALTH_UNKNOWN;
	server->alerts = -1;
	server->seen_at = server->reported_at = RW_NEVER;
	server->upstream = -1;
}

/* Does this reason say no more than that WAL is on its way? */
static bool
is_on_its_way(RwReason reason)
{
	return reason == RW_REASON_SENDER_BEHIND || rw_reason_gives_way(reason);
}

/*
 * The reason in a row or, if that has not been looked for, the last one, unless
 * the WAL that was missing then has been replayed.
 */
static void
fill_reason(RwServer *server, const RwReportInput *input, const RwLink *link,
			const RwServer *last)
{
	if (input->links->explained)
	{
		server->reason = link->reason;
		strcpy(server->reason_text, link->reason_text);
	}
	else if (last != NULL &&
			 !(link->lag_bytes == 0 && is_on_its_way(last->reason)))
	{
		server->reason = last->reason;
		strcpy(server->reason_text, last->reason_text);
	}
}

static void
fill_own(RwServer *own, const RwServer *last, const RwReportInput *input)
{
	const RwFacts *facts = input->facts;
	const RwLinks *links = input->links;
	RwText		version;

	begin_server(own);
	rw_name_copy(own->name, input->name);
	own->role = role_of(facts);
	own->tli = facts->tli;
	own->replay = facts->in_recovery ? facts->recovery.replay : facts->horizon;
	own->staleness = input->staleness.staleness;
	own->of_primary = input->staleness.of_primary;
	own->health = input->health;
	own->alerts = input->alerts;
	own->port = input->port;
	rw_text_begin(&version, own->version, sizeof(own->version));
	rw_text_add(&version, input->version);
	own->reported_at = facts->now;
	own->own_reason = true;
	if (links->nlinks > 0 && links->links[0].upstream)
	{
		const RwLink *link = &links->links[0];

		rw_name_copy(own->label, link->name);
		own->state = link->state;
		own->lag = link->lag;
		fill_reason(own, input, link, last);
	}
}

static void
fill_receiver(RwReportReceiver *receiver, const RwReportInput *input)
{
	const RwReceiverFacts *facts = &input->facts->receiver;

	StaticAssertStmt(sizeof(receiver->host) == sizeof(facts->host),
					 "a host can be copied");
	memset(receiver, 0, sizeof(RwReportReceiver));
	if (facts->pid == 0)
		return;
	receiver->pid = facts->pid;
	receiver->streaming = facts->state == RW_RECEIVER_STREAMING;
	strcpy(receiver->host, facts->host);
	rw_address_copy(receiver->hostaddr, input->hostaddr);
	rw_name_copy(receiver->application_name, input->application_name);
	rw_name_copy(receiver->slot_name, facts->slot_name);
}

/* The child that has this key, which mostly is where it is expected. */
static const RwServer *
find_child(const RwReport *report, uint64 key, int expected)
{
	int			i;

	if (expected < report->nchildren &&
		report->children[expected].server.key == key)
		return &report->children[expected].server;
	for (i = 0; i < report->nchildren; i++)
	{
		if (report->children[i].server.key == key)
			return &report->children[i].server;
	}
	return NULL;
}

/* The seen part, and what is known here of the rest. */
static void
fill_child(RwChild *child, const RwReportInput *input, const RwLink *link)
{
	const RwFacts *facts = input->facts;
	const RwReplica *replica = link->replica;
	const RwSenderFacts *sender = link->sender;
	RwServer   *server = &child->server;

	begin_server(server);
	server->key = rw_replica_key(input->links->published, replica);
	rw_name_copy(server->label, link->name);
	rw_address_copy(server->host,
					sender ? sender->peer.address : replica->address);
	server->state = link->state;
	server->lag = link->lag;
	if (sender && link->state == RW_STATE_STREAMING &&
		replica->streaming_since != RW_NEVER)
		server->streaming_for = facts->now - replica->streaming_since;
	server->gone_for = rw_gone_for(link, facts->now);
	server->seen_at = facts->now;
	/* One that is gone may have been promoted. */
	server->role = sender ? RW_ROLE_STANDBY : RW_ROLE_UNKNOWN;
	server->replay = link->replay;
	server->health = link->health;

	child->pid = sender ? sender->pid : 0;
	if (sender)
	{
		const RwSlotFacts *slot = sender->slot >= 0 ?
			&facts->slots[sender->slot] : NULL;

		rw_name_copy(child->application_name, sender->peer.application_name);
		rw_name_copy(child->slot_name,
					 slot && !slot->temporary ? slot->name : "");
	}
	else
	{
		rw_name_copy(child->application_name, replica->application_name);
		rw_name_copy(child->slot_name, replica->slot_name);
	}
}

void
rw_report_fill(RwReport *report, const RwReport *last,
			   const RwReportInput *input)
{
	const RwFacts *facts = input->facts;
	const RwLinks *links = input->links;
	int			i;

	report->in_recovery = facts->in_recovery && !facts->crash_recovery;
	fill_own(&report->own, &last->own, input);
	fill_receiver(&report->receiver, input);
	report->nchildren = 0;
	for (i = 0; i < links->nlinks && report->nchildren < input->max_children;
		 i++)
	{
		const RwLink *link = &links->links[i];
		int			n = report->nchildren;
		RwServer   *server = &report->children[n].server;

		if (link->upstream || !rw_is_replicas_link(link) || link->logical)
			continue;
		fill_child(&report->children[n], input, link);
		fill_reason(server, input, link, find_child(last, server->key, n));
		report->nchildren++;
	}
}

/* The FNV hash, which needs no library. */
static uint64
add_to_words(uint64 words, uint64 number)
{
	int			i;

	for (i = 0; i < 64; i += 8)
		words = (words ^ ((number >> i) & 0xff)) * UINT64CONST(0x100000001b3);
	return words;
}

/* A text, but for its digits. */
static uint64
add_text_to_words(uint64 words, const char *text, bool digits)
{
	for (; *text != '\0'; text++)
	{
		if (!digits && *text >= '0' && *text <= '9')
			continue;
		words = (words ^ (unsigned char) *text) * UINT64CONST(0x100000001b3);
	}
	/* Not the same as a text and the next one in one. */
	return add_to_words(words, 0);
}

uint64
rw_report_words(const RwReport *report)
{
	const RwServer *own = &report->own;
	uint64		words = UINT64CONST(0xcbf29ce484222325);
	int			i;

	words = add_text_to_words(words, own->name, true);
	words = add_text_to_words(words, own->label, true);
	words = add_to_words(words, own->state);
	words = add_to_words(words, own->role);
	words = add_to_words(words, own->tli);
	words = add_to_words(words, own->of_primary);
	words = add_to_words(words, own->health);
	words = add_to_words(words, own->alerts);
	words = add_to_words(words, own->port);
	if (own->reason != RW_REASON_REPLAY_BEHIND || own->lag < 0 ||
		own->lag >= KEEPS_UP)
	{
		words = add_to_words(words, own->reason);
		words = add_text_to_words(words, own->reason_text, false);
	}
	else
	{
		words = add_to_words(words, RW_REASON_NONE);
		words = add_text_to_words(words, "", false);
	}
	words = add_to_words(words, report->receiver.pid);
	words = add_to_words(words, report->receiver.streaming);
	for (i = 0; i < report->nchildren; i++)
	{
		const RwChild *child = &report->children[i];

		words = add_to_words(words, child->server.key);
		words = add_to_words(words, child->server.state);
		words = add_to_words(words, child->server.health);
		words = add_to_words(words, child->pid);
		words = add_text_to_words(words, child->server.label, true);
		words = add_text_to_words(words, child->server.host, true);
	}
	return words;
}
