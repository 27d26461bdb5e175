/*-------------------------------------------------------------------------
 *
 * words_replica.c
 *	  The words of the alerts about replicas.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

void
rw_words_replica_missing(const RwJudgeInput *input, const RwSubject *subject,
						 const RwFinding *finding, RwSeverity severity,
						 RwAlertText *text)
{
	const RwLink *link = subject->link;
	RwNameSearch search;
	char		name[RW_QUOTED_NAME_LEN];

	if (link && link->sender)
		rw_add_detail(text, "It is connected but does not stream yet.", NULL);
	else if (link && link->reason == RW_REASON_REFUSED)
		rw_add_detail(text, "It has not streamed for ", text->value, ".",
					  NULL);
	else if (link && link->last_seen != RW_NEVER)
		rw_add_detail(text, "It has not been connected for ", text->value,
					  ".", NULL);
	else
		rw_add_detail(text, "It has not connected to this server.", NULL);
	if (link && link->reason == RW_REASON_REFUSED)
		rw_add_reason(text, link);
	if (subject->expected && link == NULL)
	{
		rw_search_expected(input, &search, subject->name);
		if (rw_search_end(&search) == RW_NAME_AMBIGUOUS)
			rw_add_detail(text, "It could be \"", search.found[0],
						  "\" or \"", search.found[1], "\".", NULL);
	}
	if (subject->expected)
		rw_add_detail(text,
					  "It is listed in \"replwatch.expected_replicas\".",
					  NULL);
	if (link && link->sender == NULL && link->last_seen != RW_NEVER &&
		!link->logical && link->reason != RW_REASON_REFUSED)
		rw_add_detail(text, "It may stream from another server.", NULL);
	if (!input->standby_streams)
		rw_add_detail(text, "No standby is streaming.", NULL);

	if (link && link->reason == RW_REASON_REFUSED)
		rw_add_hint(text, "Remove the cause.", NULL);
	else if (subject->expected)
		rw_add_hint(text,
					"Bring it back, or remove it from \"replwatch.expected_replicas\".",
					NULL);
	if (subject->expected && !input->node_is_named &&
		(link == NULL || link->last_seen == RW_NEVER))
		rw_add_hint(text,
					"If it is this server, set \"replwatch.node_name\" to this name.",
					NULL);
	if (!subject->expected && !(link && link->reason == RW_REASON_REFUSED))
		rw_add_hint(text,
					"Bring it back or, if it was removed or moved on purpose, run replwatch_forget(",
					rw_quoted_name(name, subject->name), ").", NULL);
}

void
rw_words_replica_silent(const RwJudgeInput *input, const RwSubject *subject,
						const RwFinding *finding, RwSeverity severity,
						RwAlertText *text)
{
	rw_add_detail(text, "It is connected but has not replied for ",
				  text->value, ".", NULL);
	rw_add_hint(text,
				"Check the network, and the walreceiver process on that server.",
				NULL);
}

void
rw_words_replica_stalled(const RwJudgeInput *input, const RwSubject *subject,
						 const RwFinding *finding, RwSeverity severity,
						 RwAlertText *text)
{
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "Replay has not advanced for ", text->value,
				  ", with ", rw_size_text(size, subject->link->lag_bytes),
				  " to replay.", NULL);
	if (subject->link->own_reason)
		rw_add_reason(text, subject->link);
	rw_add_replica_hint(text, subject->link, "that server",
						": replay may be paused, or in conflict with a query");
}

void
rw_words_replica_lag(const RwJudgeInput *input, const RwSubject *subject,
					 const RwFinding *finding, RwSeverity severity,
					 RwAlertText *text)
{
	rw_add_time_lag(text, subject, finding, severity);
	rw_add_replica_hint(text, subject->link, "that server", "");
}

void
rw_words_replica_lag_bytes(const RwJudgeInput *input,
						   const RwSubject *subject,
						   const RwFinding *finding, RwSeverity severity,
						   RwAlertText *text)
{
	const RwLink *link = subject->link;
	char		lag[RW_CLOCK_LEN];
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "Byte lag is ", rw_size_text(size, link->lag_bytes),
				  ", ", rw_above_text(finding, severity), text->threshold,
				  ".", NULL);
	if (link->lag >= 0)
		rw_add_detail(text, "Time lag is ", rw_bound_text(link),
					  rw_clock_text(lag, link->lag), ".", NULL);
	rw_add_reason(text, link);
	rw_add_replica_hint(text, link, "that server", "");
}

void
rw_words_replica_diverged(const RwJudgeInput *input, const RwSubject *subject,
						  const RwFinding *finding, RwSeverity severity,
						  RwAlertText *text)
{
	const RwReplica *replica = subject->link->replica;
	char		name[RW_QUOTED_NAME_LEN];

	rw_add_reason(text, subject->link);
	if (replica->parted == RW_AHEAD)
		rw_add_hint(text,
					"Rebuild it; if this server has gone on by then, run replwatch_forget(",
					rw_quoted_name(name, subject->name),
					") before it connects again.", NULL);
	else if (replica->parted == RW_DIVERGED)
		rw_add_hint(text, "Run pg_rewind on it, or rebuild it.", NULL);
	else
		rw_add_hint(text,
					"Set \"recovery_target_timeline\" to \"latest\" on it, and check that it can read the timeline history files.",
					NULL);
}
