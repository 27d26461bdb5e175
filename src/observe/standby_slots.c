/*-------------------------------------------------------------------------
 *
 * standby_slots.c
 *	  Which slot of synchronized_standby_slots holds logical walsenders back.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <ctype.h>

#include "src/observe/standby_slots.h"

/*
 * Take the next name off the list, as core reads it: in lower case unless it is
 * in double quotes.  The name of a slot has neither blanks nor quotes in it.
 * Returns NULL at the end.
 */
static char *
next_name(char **list)
{
	char	   *name = *list;
	bool		quoted;
	char	   *c;

	if (name == NULL)
		return NULL;
	*list = strchr(name, ',');
	if (*list)
		*(*list)++ = '\0';
	while (isspace((unsigned char) *name))
		name++;
	quoted = *name == '"';
	if (quoted)
		name++;
	for (c = name; *c != '\0' && *c != '"' && !isspace((unsigned char) *c); c++)
	{
		if (!quoted && *c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	}
	*c = '\0';
	return name;
}

/* The slot of that name, or NULL. */
static const RwSlotFacts *
find_slot(const RwFacts *facts, const char *name)
{
	int			i;

	for (i = 0; i < facts->nslots; i++)
	{
		if (rw_name_equal(facts->slots[i].name, name))
			return &facts->slots[i];
	}
	return NULL;
}

static RwStandbySlotFault
fault_of(const RwFacts *facts, const RwSlotFacts *slot)
{
	if (slot == NULL)
		return RW_STANDBY_SLOT_ABSENT;
	if (slot->logical)
		return RW_STANDBY_SLOT_LOGICAL;
	if (slot->invalidation != NULL)
		return RW_STANDBY_SLOT_INVALID;
	/* Used or not, it holds nobody back while it has all WAL. */
	if (slot->restart_lsn >= facts->horizon)
		return RW_STANDBY_SLOT_FINE;
	return slot->active_pid == 0 ? RW_STANDBY_SLOT_UNUSED :
		RW_STANDBY_SLOT_BEHIND;
}

void
rw_find_standby_slot(const RwFacts *facts, char *list,
					 RwStandbySlotFacts *found)
{
	const char *name;

	memset(found, 0, sizeof(RwStandbySlotFacts));
	while ((name = next_name(&list)) != NULL)
	{
		const RwSlotFacts *slot = find_slot(facts, name);
		RwStandbySlotFault fault = fault_of(facts, slot);

		if (*name == '\0' || fault == RW_STANDBY_SLOT_FINE ||
			(fault == RW_STANDBY_SLOT_BEHIND &&
			 found->fault == RW_STANDBY_SLOT_BEHIND &&
			 slot->restart_lsn >= found->restart_lsn))
			continue;
		found->fault = fault;
		rw_name_copy(found->name, name);
		found->restart_lsn = slot ? slot->restart_lsn : InvalidXLogRecPtr;
		if (fault != RW_STANDBY_SLOT_BEHIND)
			return;
	}
}
