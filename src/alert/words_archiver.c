/*-------------------------------------------------------------------------
 *
 * words_archiver.c
 *	  The words of archiver_failing.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

/*
 * The archiver tries again after a minute.  If it has finished nothing for
 * twice as long, what it did before says nothing of what it does now.
 */
#define LEAST_PATIENCE		(2 * RW_MINUTE)

/* The setting that says how to archive. */
static const char *
archive_setting(const RwArchiveFacts *archive)
{
	return archive->by == RW_ARCHIVE_BY_LIBRARY ? "\"archive_library\"" :
		"\"archive_command\"";
}

static void
add_what_archiver_does(const RwJudgeInput *input, const RwArchiveFile *oldest,
					   RwArchiver does, RwAlertText *text)
{
	const RwArchiveFacts *archive = input->archive;
	RwTime		now = input->facts->now;
	RwTime		finished = Max(archive->archived_at, archive->failed_at);
	char		ago[RW_CLOCK_LEN];

	switch (does)
	{
		case RW_ARCHIVER_NOT_SET:
			rw_add_detail(text,
						  "Neither \"archive_command\" nor \"archive_library\" is set.",
						  NULL);
			break;
		case RW_ARCHIVER_GONE:
			rw_add_detail(text, "The archiver has not been seen running for ",
						  rw_clock_text(ago, now - archive->gone_since), ".",
						  NULL);
			break;
		case RW_ARCHIVER_RESTARTS:
			rw_add_detail(text, "The archiver has exited and was restarted ",
						  rw_clock_text(ago, now - archive->restarted_at),
						  " ago.", NULL);
			break;
		case RW_ARCHIVER_FAILS:
			rw_add_detail(text, "The archiver's last attempt failed.", NULL);
			break;
		case RW_ARCHIVER_ARCHIVES:
			rw_add_detail(text,
						  "The archiver works, but cannot keep up with the WAL.",
						  NULL);
			break;
		case RW_ARCHIVER_HANGS:
			rw_add_detail(text,
						  "The archiver is running, but has finished nothing for ",
						  rw_clock_text(ago,
										now - Max(finished, oldest->since)),
						  ".", NULL);
			break;
	}
}

/* What pg_stat_archiver says. */
static void
add_last_files(const RwJudgeInput *input, RwAlertText *text)
{
	const RwArchiveFacts *archive = input->archive;
	RwTime		now = input->facts->now;
	char		ago[RW_CLOCK_LEN];

	if (archive->archived_at != RW_NEVER)
		rw_add_detail(text, "Last archived: \"", archive->archived, "\" ",
					  rw_clock_text(ago, now - archive->archived_at),
					  " ago.", NULL);
	else
		rw_add_detail(text, "Last archived: none.", NULL);
	if (archive->failed_at != RW_NEVER)
		rw_add_detail(text, "Last failure: \"", archive->failed, "\" ",
					  rw_clock_text(ago, now - archive->failed_at), " ago.",
					  NULL);
}

static void
add_archiver_hint(const RwArchiveFacts *archive, RwArchiver does,
				  RwAlertText *text)
{
	const char *setting = archive_setting(archive);
	char		pid[RW_NUMBER_LEN];

	switch (does)
	{
		case RW_ARCHIVER_NOT_SET:
			rw_add_hint(text,
						"Set \"archive_command\" or \"archive_library\".",
						NULL);
			break;
		case RW_ARCHIVER_GONE:
		case RW_ARCHIVER_RESTARTS:
			if (archive->by == RW_ARCHIVE_BY_LIBRARY)
				rw_add_hint(text,
							"Check the server log for why the archiver exits: \"archive_library\" may not load, or raise an error.",
							NULL);
			else
				rw_add_hint(text,
							"The archiver exits if \"archive_command\" is not found, is ended by a signal, or exits with a code above 125; the server log says which.",
							NULL);
			break;
		case RW_ARCHIVER_FAILS:
			rw_add_hint(text, "Check the server log for messages of ",
						setting, ".", NULL);
			break;
		case RW_ARCHIVER_ARCHIVES:
			rw_add_hint(text, "Check how long ", setting,
						" takes for a file, and what it waits for.", NULL);
			break;
		case RW_ARCHIVER_HANGS:
			rw_add_hint(text, "Check what the archiver, process ",
						rw_number_text(pid, archive->pid), ", and its ",
						setting, " wait for.", NULL);
			break;
	}
}

void
rw_words_archiver_failing(const RwJudgeInput *input,
						  const RwSubject *subject, const RwFinding *finding,
						  RwSeverity severity, RwAlertText *text)
{
	const RwArchiveFacts *archive = input->archive;
	const RwArchiveFile *oldest = rw_archive_oldest(archive);
	int64		patience = Max(finding->limits[RW_SEVERITY_WARNING],
							   LEAST_PATIENCE);
	RwArchiver	does = rw_archiver_does(archive, patience);
	char		waiting[RW_NUMBER_LEN];

	if (oldest == NULL)
		return;
	rw_add_detail(text, "WAL file \"", oldest->name,
				  "\" has waited to be archived for ", text->value, ".",
				  NULL);
	rw_add_detail(text, "Files waiting: ",
				  rw_number_text(waiting, archive->nwaiting), ".", NULL);
	add_what_archiver_does(input, oldest, does, text);
	add_last_files(input, text);
	add_archiver_hint(archive, does, text);
}
