/*-------------------------------------------------------------------------
 *
 * saver.c
 *	  The process that writes the sampler's files.
 *
 * Flushing a file can take as long as a checkpoint keeps the disk busy, and on
 * a filesystem that is frozen or does not answer any write stands still.  So
 * the sampler has a child of its own do it, which it waits for only at
 * shutdown.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "common/file_perm.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/pg_shmem.h"
#include "utils/ps_status.h"

#include "src/worker/intern.h"

/* A save that takes longer is logged, once. */
#define SLOW_SAVE			(30 * RW_SECOND)

static void
handle_end(int signo)
{
	_exit(1);
}

/*
 * The child.  The handlers that it has inherited would act on the sampler's
 * latch, so all signals have been blocked.  It must not raise errors, allocate
 * memory or touch the server's shared memory.
 */
static void
run_child(const RwNewFile *files, int nfiles, pid_t sampler,
		  RwReplaceProgress *progress)
{
	struct sigaction action;
	sigset_t	nothing;
	bool		ok = true;

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	for (int signo = 1; signo < NSIG; signo++)
	{
		/* The postmaster sends these to the sampler's whole group. */
		action.sa_handler = signo == SIGTERM || signo == SIGINT ||
			signo == SIGQUIT ? handle_end : SIG_DFL;
		(void) sigaction(signo, &action, NULL);
	}
#ifdef PR_SET_PDEATHSIG
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
#endif
	sigemptyset(&nothing);
	(void) sigprocmask(SIG_SETMASK, &nothing, NULL);
	if (getppid() != sampler)
		_exit(1);

	PGSharedMemoryDetach();

	set_ps_display("saving");
	for (int i = 0; i < nfiles; i++)
		ok &= rw_replace_file(&files[i], pg_file_create_mode, enableFsync,
							  sampler, &progress[i]);
	_exit(ok ? 0 : 1);
}

/* Memory through which the child says how far it has got. */
static RwReplaceProgress *
share_progress(void)
{
	void	   *shared = mmap(NULL, RW_SAVED_FILES * sizeof(RwReplaceProgress),
							  PROT_READ | PROT_WRITE,
							  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return shared == MAP_FAILED ? NULL : shared;
}

bool
rw_saver_start(RwSaver *saver, const RwNewFile *files, int nfiles)
{
	pid_t		sampler = getpid();
	pid_t		pid = -1;
	sigset_t	everything;
	sigset_t	before;
	int			save_errno;

	Assert(saver->pid == 0 && nfiles <= RW_SAVED_FILES);
	saver->nfiles = nfiles;
	for (int i = 0; i < nfiles; i++)
		saver->paths[i] = files[i].path;
	if (saver->progress == NULL)
		saver->progress = share_progress();

	if (saver->progress != NULL)
	{
		memset(saver->progress, 0, RW_SAVED_FILES * sizeof(RwReplaceProgress));
		sigfillset(&everything);
		(void) sigprocmask(SIG_SETMASK, &everything, &before);
		pid = fork();
		if (pid == 0)
			run_child(files, nfiles, sampler, saver->progress);
		save_errno = errno;
		(void) sigprocmask(SIG_SETMASK, &before, NULL);
		errno = save_errno;
	}
	if (pid < 0)
	{
		ereport(LOG,
				(errmsg("could not start a process to save replwatch's files: %m")));
		return false;
	}
	saver->pid = pid;
	saver->begun = rw_clock_now();
	saver->slow = false;
	return true;
}

/* The file that it writes, or wrote when it ended. */
static const char *
current_file(const RwSaver *saver)
{
	int			i = 0;

	while (i < saver->nfiles - 1 &&
		   (saver->progress[i].step == RW_REPLACE_DONE ||
			saver->progress[i].error != 0))
		i++;
	return saver->paths[i];
}

static void
log_failures(const RwSaver *saver, int status)
{
	bool		logged = false;

	for (int i = 0; i < saver->nfiles; i++)
	{
		if (saver->progress[i].error != 0)
		{
			rw_store_log_failure(saver->paths[i], &saver->progress[i]);
			logged = true;
		}
	}
	/* At a shutdown it was told to end, and the files are saved once more. */
	if (!logged && !ShutdownRequestPending)
		ereport(LOG,
				(errmsg("could not save file \"%s\": %s",
						current_file(saver), wait_result_to_str(status))));
}

RwSaverState
rw_saver_poll(RwSaver *saver)
{
	int			seconds;
	int			status = -1;

	if (saver->pid == 0)
		return RW_SAVER_NONE;

	seconds = (rw_clock_now() - saver->begun) / RW_SECOND;
	if (waitpid(saver->pid, &status, WNOHANG) == 0)
	{
		if (seconds >= SLOW_SAVE / RW_SECOND && !saver->slow)
		{
			saver->slow = true;
			ereport(LOG,
					(errmsg("saving file \"%s\" has taken %d s so far",
							current_file(saver), seconds),
					 errdetail("Process %d waits for the disk. The file is replaced when its new contents are on disk.",
							   (int) saver->pid)));
		}
		return RW_SAVER_RUNNING;
	}

	saver->pid = 0;
	if (status != 0)
	{
		log_failures(saver, status);
		return RW_SAVER_FAILED;
	}
	if (saver->slow)
		ereport(LOG, (errmsg("saving replwatch's files took %d s", seconds)));
	return RW_SAVER_DONE;
}

void
rw_saver_wait(RwSaver *saver, uint32 wait_event)
{
	while (saver->pid != 0 && waitpid(saver->pid, NULL, WNOHANG) == 0)
	{
		/* SIGCHLD sets the latch. */
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1,
						 wait_event);
		ResetLatch(MyLatch);
	}
	saver->pid = 0;
}
