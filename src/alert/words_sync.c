/*-------------------------------------------------------------------------
 *
 * words_sync.c
 *	  The words of the alert about what waits for standbys: sync_short.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* So many standbys are named; of others there is only the number. */
#define MAX_NAMED		2

static const char *const stage_words[] = {
	[RW_SYNC_WRITE] = "written",
	[RW_SYNC_FLUSH] = "flushed",
	[RW_SYNC_REPLAY] = "replayed",
};

StaticAssertDecl(lengthof(stage_words) == RW_NUM_SYNC_STAGES,
				 "every stage has a word");

/* The standbys that the oldest commit waits for. */
typedef struct AwaitedStandbys
{
	int			n;
	int			ndone;			/* have got so far */
	const RwSenderFacts *named[MAX_NAMED];
} AwaitedStandbys;

static XLogRecPtr
position_at(const RwSenderFacts *sender, RwSyncStage stage)
{
	switch (stage)
	{
		case RW_SYNC_WRITE:
			return sender->write;
		case RW_SYNC_FLUSH:
			return sender->flush;
		case RW_SYNC_REPLAY:
			return sender->replay;
	}
	return InvalidXLogRecPtr;
}

static void
find_awaited(const RwJudgeInput *input, AwaitedStandbys *awaited)
{
	const RwSyncWatch *watch = &input->memory->sync;
	int			i;

	memset(awaited, 0, sizeof(AwaitedStandbys));
	for (i = 0; i < input->facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &input->facts->senders[i];

		if (sender->sync_state == NULL ||
			(strcmp(sender->sync_state, "sync") != 0 &&
			 strcmp(sender->sync_state, "quorum") != 0))
			continue;
		if (position_at(sender, watch->stage) >= watch->lsn)
			awaited->ndone++;
		else if (awaited->n++ < MAX_NAMED)
			awaited->named[awaited->n - 1] = sender;
	}
}

/* "alpha" (120 kB behind), "beta" (8 kB behind) and 3 others */
static void
add_awaited(RwText *out, const RwSyncWatch *watch,
			const AwaitedStandbys *awaited)
{
	char		number[RW_NUMBER_LEN];
	char		size[RW_SIZE_LEN];
	int			i;

	for (i = 0; i < awaited->n && i < MAX_NAMED; i++)
	{
		const RwSenderFacts *sender = awaited->named[i];
		XLogRecPtr	position = position_at(sender, watch->stage);

		rw_text_adds(out, i == 0 ? "" :
					 i == awaited->n - 1 ? " and " : ", ",
					 "\"", sender->name, "\"", NULL);
		if (XLogRecPtrIsInvalid(position))
			rw_text_add(out, " (never reported)");
		else
			rw_text_adds(out, " (",
						 rw_size_text(size, watch->lsn - position),
						 " behind)", NULL);
	}
	if (awaited->n > MAX_NAMED)
		rw_text_adds(out, " and ",
					 rw_number_text(number, awaited->n - MAX_NAMED),
					 awaited->n - MAX_NAMED == 1 ? " other" : " others",
					 NULL);
}

/* The link that this walsender serves; NULL if there is none. */
static const RwLink *
find_link_of(const RwJudgeInput *input, const RwSenderFacts *sender)
{
	int			i;

	for (i = 0; i < input->links->nlinks; i++)
	{
		if (input->links->links[i].sender == sender)
			return &input->links->links[i];
	}
	return NULL;
}

/*
 * Why the only standby that is waited for is behind, if that says more than
 * the stage does and there is room.
 */
static void
add_its_reason(RwAlertText *text, const RwLink *link)
{
	size_t		room = sizeof(text->detail) - strlen(text->detail);

	if (link &&
		(link->own_reason ||
		 link->reason == RW_REASON_SILENT ||
		 link->reason == RW_REASON_SENDER_BEHIND ||
		 link->reason == RW_REASON_REPLAY_STUCK) &&
		strlen(link->reason_text) +
		(link->own_reason ? sizeof(" It reports: .") : sizeof(" .")) <= room)
		rw_add_reason(text, link);
}

/* What to do about a standby that is there and does not confirm. */
static void
add_remedy(RwAlertText *text, const RwSenderFacts *sender,
		   const RwLink *link, RwSyncStage stage)
{
	char		where[RW_NAME_LEN + 2];
	RwText		out;

	rw_text_begin(&out, where, sizeof(where));
	rw_text_adds(&out, "\"", sender->name, "\"", NULL);
	if (sender->receiver && stage == RW_SYNC_REPLAY)
		rw_add_hint(text, "\"", sender->name,
					"\" does not replay WAL: remove it from \"synchronous_standby_names\", or do not use \"remote_apply\".",
					NULL);
	else if (sender->receiver)
		rw_add_hint(text, "If \"", sender->name,
					"\" is pg_receivewal, run it with --synchronous; or remove it from \"synchronous_standby_names\".",
					NULL);
	else if (stage == RW_SYNC_REPLAY)
		rw_add_replica_hint(text, link, where,
							": replay may be paused or blocked there");
	else
		rw_add_hint(text, "Check \"", sender->name,
					"\" and the network to it, or remove it from \"synchronous_standby_names\".",
					NULL);
}

/* The standbys that are there and have not got to the oldest commit. */
static void
describe_awaited(const RwJudgeInput *input, RwAlertText *text)
{
	const RwSyncWatch *watch = &input->memory->sync;
	AwaitedStandbys awaited;
	int			needed;
	char		names[RW_ALERT_DETAIL_LEN];
	char		number[RW_NUMBER_LEN];
	RwText		out;
	const RwLink *link;

	find_awaited(input, &awaited);
	if (awaited.n == 0)
		return;

	/* Of a quorum some may do without the others. */
	needed = input->node->sync.wanted - awaited.ndone;
	rw_text_begin(&out, names, sizeof(names));
	if (input->node->sync.quorum && needed > 0 && needed < awaited.n)
		rw_text_adds(&out, rw_number_text(number, needed), " of ", NULL);
	add_awaited(&out, watch, &awaited);
	rw_add_detail(text, "The oldest is not yet ", stage_words[watch->stage],
				  " by ", names, ".", NULL);
	link = find_link_of(input, awaited.named[0]);
	if (awaited.n == 1)
		add_its_reason(text, link);
	add_remedy(text, awaited.named[0], link, watch->stage);
}

static void
describe_commits(const RwJudgeInput *input, RwAlertText *text)
{
	RwTime		since = input->memory->sync.since;
	char		waiting[RW_NUMBER_LEN];
	char		clock[RW_CLOCK_LEN];

	rw_number_text(waiting, input->node->sync.waiting);
	if (since == RW_NEVER)
		rw_add_detail(text, "Commits waiting: ", waiting, ".", NULL);
	else
		rw_add_detail(text, "Commits waiting: ", waiting, ", the oldest for ",
					  rw_clock_text(clock, input->facts->now - since), ".",
					  NULL);
}

/*
 * Which consumers wait for the slots in synchronized_standby_slots: those of
 * slots with failover enabled, of which there may be none.
 */
static const char *
waits_for_slots(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nslots; i++)
	{
		if (facts->slots[i].failover && !rw_slot_is_lost(&facts->slots[i]))
			return "logical replication waits for it";
	}
	return "logical replication would wait for it if a slot had failover enabled";
}

static void
describe_standby_slot(const RwJudgeInput *input, RwAlertText *text)
{
	const RwStandbySlotFacts *slot = &input->facts->standby_slot;
	const char *waits = waits_for_slots(input->facts);
	RwTime		since = input->memory->standby_slot.since;
	const char *what = "";
	const char *hint = "";
	char		clock[RW_CLOCK_LEN];
	char		size[RW_SIZE_LEN];

	switch (slot->fault)
	{
		case RW_STANDBY_SLOT_FINE:
			return;
		case RW_STANDBY_SLOT_ABSENT:
			what = "does not exist";
			hint = "Create it and have its standby use it, or remove it from \"synchronized_standby_slots\".";
			break;
		case RW_STANDBY_SLOT_LOGICAL:
			what = "is a logical slot";
			hint = "Remove it from \"synchronized_standby_slots\", which is for the slots of standbys.";
			break;
		case RW_STANDBY_SLOT_INVALID:
			what = "has been invalidated";
			hint = "Drop it and rebuild its standby, or remove it from \"synchronized_standby_slots\".";
			break;
		case RW_STANDBY_SLOT_UNUSED:
			what = "is not used";
			hint = "Bring its standby back, or remove it from \"synchronized_standby_slots\".";
			break;
		case RW_STANDBY_SLOT_BEHIND:
			if (since == RW_NEVER ||
				input->facts->now - since <= input->hold)
				return;
			rw_add_detail(text, "Slot \"", slot->name,
						  "\" of \"synchronized_standby_slots\" is used but has not moved for ",
						  rw_clock_text(clock, input->facts->now - since),
						  ", is ",
						  rw_size_text(size, input->facts->horizon -
									   slot->restart_lsn),
						  " behind, and ", waits, ".", NULL);
			rw_add_hint(text,
						"Check its standby, or remove it from \"synchronized_standby_slots\".",
						NULL);
			return;
	}
	rw_add_detail(text, "Slot \"", slot->name,
				  "\" of \"synchronized_standby_slots\" ", what,
				  ", and ", waits, ".", NULL);
	rw_add_hint(text, hint, NULL);
}

/* The first synchronous standby that has not caught up yet, or NULL. */
static const RwSenderFacts *
find_catching_up(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		if (facts->senders[i].state == RW_SENDER_CATCHUP &&
			facts->senders[i].sync_priority > 0)
			return &facts->senders[i];
	}
	return NULL;
}

/* Fewer standbys than commits need. */
static void
describe_missing(const RwJudgeInput *input, RwAlertText *text)
{
	const RwSyncFacts *sync = &input->node->sync;
	const RwSenderFacts *catching_up = find_catching_up(input->facts);
	char		wanted[RW_NUMBER_LEN];
	char		connected[RW_NUMBER_LEN];
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "Synchronous standbys: ",
				  rw_number_text(wanted, sync->wanted), " needed, ",
				  rw_number_text(connected, sync->connected),
				  " connected.", NULL);
	describe_commits(input, text);
	if (catching_up)
	{
		bool		reported = !XLogRecPtrIsInvalid(catching_up->flush);

		rw_add_detail(text, "\"", catching_up->name,
					  "\" does not count until it has caught up",
					  reported ? " (" : "", reported ?
					  rw_size_text(size, input->facts->horizon -
								   catching_up->flush) : "",
					  reported ? " behind)." : ".", NULL);
		rw_add_hint(text,
					"Wait for it, or shorten \"synchronous_standby_names\".",
					NULL);
	}
	else
		rw_add_hint(text,
					"Bring back a standby that is listed in \"synchronous_standby_names\", or shorten that list.",
					NULL);
}

void
rw_words_sync_short(const RwJudgeInput *input, const RwSubject *subject,
					const RwFinding *finding, RwSeverity severity,
					RwAlertText *text)
{
	const RwSyncFacts *sync = &input->node->sync;

	if (sync->connected < sync->wanted)
		describe_missing(input, text);
	else if (finding->unit == RW_UNIT_TIME)
	{
		describe_commits(input, text);
		describe_awaited(input, text);
	}
	describe_standby_slot(input, text);
}
