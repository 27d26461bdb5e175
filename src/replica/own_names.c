/*-------------------------------------------------------------------------
 *
 * own_names.c
 *	  The names by which this server has been known upstream.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/own_names.h"

/* Make a name the newest. */
static void
move_to_front(RwOwnNames *own, const char *name)
{
	int			at = 0;

	if (name[0] == '\0')
		return;
	while (at < own->n && !rw_name_equal(own->names[at], name))
		at++;
	if (at == RW_MAX_OWN_NAMES)
		at--;
	else if (at == own->n)
		own->n++;
	memmove(own->names[1], own->names[0], at * RW_NAME_LEN);
	rw_name_copy(own->names[0], name);
}

void
rw_own_names_note(RwOwnNames *own, const char *slot_name,
				  const char *application_name)
{
	move_to_front(own, application_name);
	move_to_front(own, slot_name);
}

void
rw_own_names_restore(RwOwnNames *own, const RwOwnNames *saved)
{
	int			n = Min(Max(saved->n, 0), RW_MAX_OWN_NAMES);

	memset(own, 0, sizeof(RwOwnNames));
	/* The oldest first, so that the newest ends up at the front. */
	for (int i = n - 1; i >= 0; i--)
	{
		if (memchr(saved->names[i], '\0', RW_NAME_LEN) != NULL)
			move_to_front(own, saved->names[i]);
	}
}
