/*-------------------------------------------------------------------------
 *
 * words_held.c
 *	  The words of the alerts about what consumers hold back on this server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/* How much is free, and that it is below its limit if that is the reason. */
static void
add_free_space(const RwWalVolume *volume, const RwFinding *finding,
			   RwSeverity severity, RwAlertText *text)
{
	bool		is_reason = finding->unit == RW_UNIT_SIZE;
	bool		below = finding->value < finding->limits[severity];
	char		free[RW_SIZE_LEN];
	char		size[RW_SIZE_LEN];
	char		percent[RW_NUMBER_LEN];

	rw_add_detail(text, "Of the volume's ", rw_size_text(size, volume->size), ", ",
				  rw_size_text(free, volume->free), " (",
				  rw_number_text(percent, volume->size > 0 ?
								 (int64) (100.0 * volume->free /
										  volume->size) : 0),
				  "%) are free",
				  !is_reason ? "" : below ? ", less than " :
				  ", no longer less than ",
				  is_reason ? text->threshold : "", ".", NULL);
}

/* Who holds how much. */
static void
add_wal_holders(const RwWalHolders *holders, int64 allowed, RwAlertText *text)
{
	char		size[RW_SIZE_LEN];

	if (holders->slot)
		rw_add_detail(text, "Slot \"", holders->slot->name, "\" holds ",
					  rw_size_text(size, holders->by_slot), " of WAL.", NULL);
	if (holders->by_archiver > 0)
		rw_add_detail(text, rw_size_text(size, holders->by_archiver),
					  " are not archived.", NULL);
	if (holders->by_replay > 0)
		rw_add_detail(text, rw_size_text(size, holders->by_replay),
					  " are not replayed.", NULL);
	rw_add_detail(text, "\"max_wal_size\" and \"wal_keep_size\" allow ",
				  rw_size_text(size, allowed), ".", NULL);
}

void
rw_words_wal_disk(const RwJudgeInput *input, const RwSubject *subject,
				  const RwFinding *finding, RwSeverity severity,
				  RwAlertText *text)
{
	const RwWalDisk *disk = &input->memory->wal_disk;
	int64		allowed = rw_wal_allowed(&disk->volume);
	char		name[RW_QUOTED_NAME_LEN];
	char		left[RW_CLOCK_LEN];
	int64		time_left;
	RwWalHolders holders;

	if (rw_wal_disk_forecast(disk, input->facts->now, &time_left) ==
		RW_FORECAST_FULL)
		rw_add_detail(text,
					  "At the rate at which it grows, pg_wal will fill its volume in ",
					  rw_clock_text(left, time_left), ".", NULL);
	add_free_space(&disk->volume, finding, severity, text);
	rw_wal_holders(input->facts, &disk->volume, &holders);
	add_wal_holders(&holders, allowed, text);

	if (holders.held <= allowed)
		rw_add_hint(text,
					"Enlarge the volume, remove what else is on it, or decrease \"max_wal_size\" or \"wal_keep_size\".",
					NULL);
	else if (holders.held == holders.by_slot && holders.slot->synced &&
			 input->facts->in_recovery)
		rw_add_hint(text,
					"Look at the slot on the primary server, from which it is synchronized, or set \"max_slot_wal_keep_size\".",
					NULL);
	else if (holders.held == holders.by_slot)
		rw_add_hint(text, holders.slot->active_pid != 0 ?
					"Look at replwatch_status() for why the consumer of the slot is behind" :
					"Bring the consumer of the slot back",
					", set \"max_slot_wal_keep_size\", or run pg_drop_replication_slot(",
					rw_quoted_name(name, holders.slot->name), ").", NULL);
	else if (holders.held == holders.by_archiver)
		rw_add_hint(text,
					"Look at pg_stat_archiver and the server log for why WAL is not archived.",
					NULL);
	else if (holders.held == holders.by_replay)
		rw_add_hint(text,
					"Look at replwatch_status() for why replay is behind.",
					NULL);
	else
		rw_add_hint(text,
					"Run CHECKPOINT to remove WAL that is no longer needed, and look at the server log if that fails.",
					NULL);
}

void
rw_words_xmin_held(const RwJudgeInput *input, const RwSubject *subject,
				   const RwFinding *finding, RwSeverity severity,
				   RwAlertText *text)
{
	RwXminHolder holder;
	bool		catalogs;
	bool		feedback;
	const char *name;
	char		quoted[RW_QUOTED_NAME_LEN];

	rw_find_xmin_holder(input->facts, &holder);
	if (holder.age < 0)
		return;

	catalogs = holder.slot && holder.slot->catalog_only;
	feedback = holder.sender && !(holder.slot && holder.slot->logical);
	name = feedback ? holder.sender->name : holder.slot->name;

	rw_add_detail(text, feedback ? "The feedback of standby \"" : "Slot \"",
				  name, "\" holds back vacuum", catalogs ?
				  " of system catalogs by " : " by ", text->value,
				  " transactions, ", rw_above_text(finding, severity),
				  text->threshold, ".", NULL);
	if (feedback)
	{
		rw_add_detail(text, catalogs ?
					  "It is held by a logical slot on that standby or on one that follows it." :
					  "It is held by a transaction on that standby or on one that follows it.",
					  NULL);
		rw_add_hint(text, catalogs ?
					"Look for the oldest \"catalog_xmin\" in pg_replication_slots on that standby, and advance or drop its slot." :
					"Look for the oldest \"backend_xmin\" in pg_stat_activity on that standby and end its session, or turn off \"hot_standby_feedback\" there.",
					NULL);
		return;
	}
	if (holder.sender == NULL && holder.slot->active_pid == 0)
		rw_add_detail(text, "Nobody uses it.", NULL);
	rw_add_hint(text, holder.slot->active_pid != 0 ?
				"Look at replwatch_status() for why its consumer does not advance it" :
				holder.slot->logical ? "Bring its consumer back" :
				"Bring its standby back",
				", or run pg_drop_replication_slot(",
				rw_quoted_name(quoted, name), ").", NULL);
}
