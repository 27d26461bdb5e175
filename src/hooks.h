/*-------------------------------------------------------------------------
 *
 * hooks.h
 *	  Where replwatch reaches into the server.
 *
 * The library's hooks are all set here.  Each one calls the hook that another
 * library had set before, at the place given below.
 *
 *	shmem_request_hook, shmem_startup_hook
 *		Earlier hook, then the shared memory of all folders (shmem.h), and at
 *		startup rw_replay_init(), after every library's _PG_init.
 *
 *	ClientAuthentication_hook
 *		In each new client backend and walsender, once its protocol functions
 *		are in place: earlier hook, rw_keepalive_connection(), which in
 *		walsenders puts itself in front of them, then, if the client has been
 *		authenticated, rw_ended_connection(), which has a walsender leave a
 *		note of itself when it ends (before_shmem_exit).  Last, the sampler is
 *		started if none runs (process.h).
 *
 *	emit_log_hook
 *		rw_ended_message() keeps the last error of walsenders and of the WAL
 *		receiver for that note, then the earlier hook.  It comes first, since
 *		another library's hook may change the message.  In other processes it
 *		does nothing.  rw_replaying_message() notices in the startup process
 *		that replay is paused at the recovery target.
 *
 *	ProcessUtility_hook
 *		rw_read_after_begin() waits if the command is SET
 *		replwatch.read_after, rw_token_utility() notices COMMIT PREPARED and
 *		notes what is visible before it, then the earlier hook or the command
 *		itself.
 *
 *	RegisterXactCallback
 *		Before a commit rw_visible_before_commit() notes an LSN that lies
 *		before it, if the transaction has an ID.  After one
 *		rw_token_xact_callback() notes where it ends in the WAL; where that is
 *		to be reported, it exchanges the table of protocol functions.
 *
 * Without shared_preload_libraries none of them is set, and nothing below is
 * done.
 *
 * Where the server has no hook, replwatch uses a way that was not made for
 * extensions.  Each is in one file:
 *
 *	wait/replay.c
 *		Replaces the redo functions in the table of resource managers, also
 *		those of other extensions, by one that calls them and then wakes
 *		sessions that wait for the LSN, or for a new timeline.  Of a record
 *		that can be in conflict with sessions it leaves a note first, from
 *		which observe/blockers.c finds out who blocks replay.
 *		Switched off by replwatch.wake_on_replay: the table is left alone,
 *		the session that blocks replay is seldom known, waiting sessions check
 *		the position themselves every 1 to 20 ms, and the standby reports its
 *		position when core has it report and each second, not as soon as a
 *		waiting session on the primary asks for it.
 *		To ask for it, replay.c on the primary writes a WAL record that does
 *		nothing (XLOG_NOOP), which standbys with replwatch recognize.  It does
 *		so only while a session that may write waits for replicas to replay
 *		and a streaming standby has not replayed that yet, at most once a
 *		millisecond, and seldom if the standbys do not answer (wait/nudge.h).
 *
 *	wait/keepalive.c
 *		Gives a walsender a copy of its table of protocol functions
 *		(PqCommMethods), to send a keepalive each second and to wake sessions
 *		that wait for what the replica reports (wait/replies.c).  Switched off
 *		by replwatch.tend_walsenders: the table is left alone, sessions that
 *		wait for replicas check every 1 to 20 ms, and a standby of an idle
 *		upstream notices a cut link only after half of wal_receiver_timeout
 *		and 5 s.
 *
 *	wait/stall.c
 *		Through the same copy, puts a walsender that is about to sleep on
 *		core's list of those that are woken for WAL, and sets its latch if
 *		there is some.  The sampler sets the latch of one that sleeps all the
 *		same.  Also switched off by replwatch.tend_walsenders: from 16 on, a
 *		walsender then misses WAL now and then, until the next commit, reply
 *		or timeout.  On 15 only the sampler's part is done.
 *
 *	wait/token.c
 *		Gives a client's backend a copy of the same table at its first commit
 *		that is to be reported, to send the commit token before ReadyForQuery.
 *		Switched off by replwatch.report_commit_token, which is off by
 *		default.  A walsender's copy comes in front of keepalive.c's.
 *
 *	wait/visible.c
 *		Reads the PGPROCs of all backends without a lock, and those of
 *		prepared transactions under ProcArrayLock, to find commits that have
 *		been written and cannot be seen.  It does so only in a session that
 *		waits on a primary or executes COMMIT PREPARED.  No setting.
 *
 *	wait/statement.c
 *		Gives back the snapshot of a statement that waits, and takes a new one
 *		for what remains of it.  It does so only in a statement that is one
 *		call of a function that waits, which it knows by the address of the
 *		call's expression in the plan.  Elsewhere the call is refused, but for
 *		replwatch_wait_for_replicas() on a primary, which then keeps the
 *		snapshot.  No setting: the caller chooses by waiting.  A timeout of 0
 *		and SET replwatch.read_after leave snapshots alone.
 *
 *	wait/waiters.c
 *		On a standby, releases the lock on the virtual transaction of a
 *		session while it waits, so that replay does not wait for its end.  No
 *		setting, as above; every kind of wait does it.
 *
 * Other shared structures of the server are read in observe/ only; differences
 * between major versions are in base/compat.h only.  base/layout.c checks
 * whether the arrays are as replwatch was built for.  If not, they are not
 * read and walsenders are not tended; if it is the array of processes, redo
 * functions are left alone, too.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_HOOKS_H
#define RW_HOOKS_H

/* Set the hooks and register the callback; called once from _PG_init. */
extern void rw_hooks_init(void);

#endif							/* RW_HOOKS_H */
