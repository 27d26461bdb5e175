/*-------------------------------------------------------------------------
 *
 * test_observe_words.c
 *	  Tests of src/observe/observe_words.c.
 *
 * The words are part of the interface: scripts and dashboards compare them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/observe/observe.h"
#include "unit/tap.h"

/* NULL would be no text to compare. */
static const char *
shown(const char *word)
{
	return word ? word : "(null)";
}

static const char *
receiver_word(int pid, RwReceiverState state)
{
	RwReceiverFacts receiver = {0};

	receiver.pid = pid;
	receiver.state = state;
	return shown(rw_receiver_state_name(&receiver));
}

static const char *
slot_word(RwWalStatus status)
{
	RwSlotFacts slot = {0};

	slot.wal_status = status;
	return shown(rw_wal_status_name(&slot));
}

int
main(void)
{
	RwSenderFacts senders[2] = {{0}};
	RwFacts		facts = {0};

	section("The role of a server");
	facts.senders = senders;
	facts.nsenders = 2;
	is_text(shown(rw_role_name(&facts)), "primary", "a primary");
	senders[1].replica = true;
	is_text(shown(rw_role_name(&facts)), "primary", "one with replicas");
	facts.in_recovery = true;
	is_text(shown(rw_role_name(&facts)), "cascade",
			"a standby with replicas of its own");
	senders[1].replica = false;
	is_text(shown(rw_role_name(&facts)), "standby",
			"a base backup does not make it a cascade");
	facts.crash_recovery = true;
	senders[1].replica = true;
	is_text(shown(rw_role_name(&facts)), "(null)",
			"crash recovery may end in either");

	section("Replay");
	facts.in_recovery = false;
	facts.recovery.pause_state = RW_PAUSE_PAUSED;
	is_text(shown(rw_replay_state_name(&facts)), "not in recovery",
			"a primary, whatever it was before");
	facts.in_recovery = true;
	is_text(shown(rw_replay_state_name(&facts)), "paused", "paused");
	facts.recovery.pause_state = RW_PAUSE_REQUESTED;
	is_text(shown(rw_replay_state_name(&facts)), "pause requested",
			"about to be paused");
	facts.recovery.pause_state = RW_PAUSE_NONE;
	is_text(shown(rw_replay_state_name(&facts)), "replaying", "replaying");

	section("The receiver");
	is_text(receiver_word(0, RW_RECEIVER_STOPPED), "(null)", "none");
	is_text(receiver_word(0, RW_RECEIVER_CONNECTING), "(null)",
			"one that has been asked for is none yet");
	is_text(receiver_word(1, RW_RECEIVER_CONNECTING), "connecting",
			"connecting");
	is_text(receiver_word(1, RW_RECEIVER_STREAMING), "streaming",
			"streaming");
	is_text(receiver_word(1, RW_RECEIVER_WAITING), "waiting", "waiting");
	is_text(receiver_word(1, RW_RECEIVER_STOPPING), "stopping", "stopping");
	is_text(receiver_word(1, RW_RECEIVER_STOPPED), "stopping",
			"stopped, and still there");

	section("WAL of a slot");
	is_text(slot_word(RW_WAL_UNKNOWN), "(null)", "nothing reserved");
	is_text(slot_word(RW_WAL_RESERVED), "reserved", "reserved");
	is_text(slot_word(RW_WAL_EXTENDED), "extended", "extended");
	is_text(slot_word(RW_WAL_UNRESERVED), "unreserved", "unreserved");
	is_text(slot_word(RW_WAL_LOST), "lost", "lost");

	return tap_end();
}
