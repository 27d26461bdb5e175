/*-------------------------------------------------------------------------
 *
 * node_name.c
 *	  What this server is called.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/replica/node_name.h"
#include "src/replica/replica_shared.h"

static char *node_name_string = NULL;
static const char *node_name = "";	/* as a server would show it */

bool
rw_node_is_named(void)
{
	return node_name[0] != '\0';
}

const char *
rw_node_name(bool in_recovery, const char *upstream_name)
{
	if (rw_node_is_named())
		return node_name;
	if (in_recovery)
		return upstream_name;
	return cluster_name && cluster_name[0] != '\0' ? cluster_name : "primary";
}

void
rw_node_name_elsewhere(const RwFacts *facts, char *name)
{
	name[0] = '\0';
	if (rw_node_is_named() || facts->in_recovery)
	{
		rw_name_copy(name, rw_node_name(facts->in_recovery,
										facts->receiver.name));
		return;
	}

	LWLockAcquire(rw_state_lock, LW_SHARED);
	if (rw_own_names->n > 0)
		rw_name_copy(name, rw_own_names->names[0]);
	LWLockRelease(rw_state_lock);
	if (name[0] == '\0' && cluster_name)
		rw_name_copy(name, cluster_name);
}

int
rw_all_node_names(char (*names)[RW_NAME_LEN])
{
	int			n;

	if (rw_node_is_named())
	{
		rw_name_copy(names[0], node_name);
		return 1;
	}

	LWLockAcquire(rw_state_lock, LW_SHARED);
	n = rw_own_names->n;
	memcpy(names, rw_own_names->names, n * RW_NAME_LEN);
	LWLockRelease(rw_state_lock);

	rw_own_name(names[n++]);
	if (cluster_name && cluster_name[0] != '\0')
		rw_name_copy(names[n++], cluster_name);
	return n;
}

void
rw_note_own_names(const RwFacts *facts)
{
	const RwReceiverFacts *receiver = &facts->receiver;

	if (facts->in_recovery && receiver->pid != 0 &&
		receiver->state == RW_RECEIVER_STREAMING)
		rw_own_names_note(rw_own_names, receiver->slot_name,
						  receiver->application_name);
}

static bool
check_node_name(char **newval, void **extra, GucSource source)
{
	char	   *cleaned;

	if (strlen(*newval) >= RW_NAME_LEN)
	{
		GUC_check_errdetail("The name can have at most %d bytes.",
							RW_NAME_LEN - 1);
		return false;
	}
	cleaned = rw_guc_malloc(LOG, RW_NAME_LEN);
	if (cleaned == NULL)
		return false;
	rw_clean_name(cleaned, *newval, RW_NAME_LEN);
	*extra = cleaned;
	return true;
}

static void
assign_node_name(const char *newval, void *extra)
{
	node_name = extra;
}

void
rw_node_name_setting(void)
{
	DefineCustomStringVariable("replwatch.node_name",
							   "Sets the name of this server.",
							   "If empty, it is known by the names of its slot and application_name upstream, and by \"cluster_name\".",
							   &node_name_string, "", PGC_SIGHUP, 0,
							   check_node_name, assign_node_name, NULL);
}
