/*-------------------------------------------------------------------------
 *
 * test_standby_slots.c
 *	  Tests of src/observe/standby_slots.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/observe/standby_slots.h"
#include "unit/tap.h"

static RwFacts facts;
static RwSlotFacts slots[4];

/* What is found, as "name fault", for a list. */
static const char *
found(const char *list)
{
	static char text[2 * RW_NAME_LEN];
	static const char *const faults[] = {
		"fine", "absent", "logical", "invalid", "unused", "behind"
	};
	char		copy[256];
	RwStandbySlotFacts slot;

	snprintf(copy, sizeof(copy), "%s", list);
	rw_find_standby_slot(&facts, copy, &slot);
	snprintf(text, sizeof(text), "%s %s", slot.name, faults[slot.fault]);
	return text;
}

/* Slots a, b and c are in use, and have all WAL. */
static void
reset(void)
{
	memset(&facts, 0, sizeof(facts));
	memset(slots, 0, sizeof(slots));
	facts.horizon = 1000;
	facts.slots = slots;
	facts.nslots = 3;
	for (int i = 0; i < facts.nslots; i++)
	{
		slots[i].name[0] = 'a' + i;
		slots[i].active_pid = 100 + i;
		slots[i].restart_lsn = facts.horizon;
	}
}

static void
test_list(void)
{
	section("the list");

	reset();
	is_text(found(""), " fine", "an empty list");
	is_text(found("a, b, c"), " fine", "all is well");
	is_text(found("d"), "d absent", "one that is not there");
	is_text(found(" a ,\t\"b\"\n,d , e"), "d absent",
			"the first that is not there, among blanks and quotes");
	is_text(found("A,B,DeF"), "def absent", "in lower case");
	is_text(found("a,\"B\""), "B absent", "unless in quotes");
	is_text(found("a,,b,"), " fine", "nothing between commas");
	is_text(found("\"a"), " fine", "a quote that does not end");
	facts.nslots = 0;
	is_text(found("a"), "a absent", "no slots at all");
}

static void
test_faults(void)
{
	section("what is wrong");

	reset();
	slots[1].active_pid = 0;
	is_text(found("a,b,c"), " fine", "not used, but it has all WAL");
	slots[1].restart_lsn = 999;
	is_text(found("a,b,c"), "b unused", "not used");
	is_text(found("a,c"), " fine", "not used, and not listed");
	slots[1].invalidation = "wal_removed";
	is_text(found("a,b,c"), "b invalid", "invalidated");
	slots[1].active_pid = 7;
	is_text(found("a,b,c"), "b invalid", "invalidated, and used all the same");
	slots[1].logical = true;
	is_text(found("a,b,c"), "b logical", "a logical one");

	reset();
	slots[2].active_pid = 0;
	slots[2].restart_lsn = slots[1].restart_lsn = 999;
	is_text(found("a,b,c"), "c unused", "not used comes before behind");
	is_text(found("b,c,d"), "c unused", "and before what comes later");
	is_text(found("a,b"), "b behind", "behind");
	slots[0].restart_lsn = 998;
	is_text(found("a,b"), "a behind", "that which is further behind");
	is_text(found("b,a"), "a behind", "in any order");
	slots[0].restart_lsn = InvalidXLogRecPtr;
	is_text(found("b,a"), "a behind", "in use, and has reserved nothing yet");
}

int
main(void)
{
	test_list();
	test_faults();
	return tap_end();
}
