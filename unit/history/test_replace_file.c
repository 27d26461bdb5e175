/*-------------------------------------------------------------------------
 *
 * test_replace_file.c
 *	  Tests of src/history/replace_file.c.
 *
 * The system calls that matter are defined here: they note in which order
 * they are called, and can be made to fail.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "src/history/replace_file.h"
#include "unit/tap.h"

#define PATH	"kept/file"
#define TMP		PATH ".tmp"

static char calls[1024];
static const char *failing = "";
static bool interrupt_once = false;
static bool write_little = false;
static bool relink = false;		/* what is removed, as a link */

/* Note a call; false if it is to fail. */
static bool
is_to_work(const char *call)
{
	if (interrupt_once)
	{
		interrupt_once = false;
		errno = EINTR;
		return false;
	}
	if (calls[0] != '\0')
		strcat(calls, ", ");
	strcat(calls, call);
	errno = EIO;
	return strcmp(call, failing) != 0;
}

ssize_t
write(int fd, const void *data, size_t length)
{
	struct iovec piece = {.iov_base = unconstify(void *, data),
	.iov_len = length};

	/* TAP is written, too. */
	if (fd == STDOUT_FILENO || fd == STDERR_FILENO)
		return writev(fd, &piece, 1);
	if (write_little)
		piece.iov_len = Min(length, 2);
	return is_to_work("write") ? writev(fd, &piece, 1) : -1;
}

int
fsync(int fd)
{
	struct stat st;

	fstat(fd, &st);
	return is_to_work(S_ISDIR(st.st_mode) ? "fsync directory" : "fsync") ?
		fdatasync(fd) : -1;
}

int
rename(const char *from, const char *to)
{
	return is_to_work("rename") ? renameat(AT_FDCWD, from, AT_FDCWD, to) : -1;
}

int
unlink(const char *path)
{
	int			rc = unlinkat(AT_FDCWD, path, 0);

	if (relink)
		(void) symlinkat("../target", AT_FDCWD, path);
	return rc;
}

/* What is in a file; "(none)" if there is none. */
static const char *
contents_of(const char *path)
{
	static char contents[64];
	int			fd = open(path, O_RDONLY);
	ssize_t		n;

	if (fd < 0)
		return "(none)";
	n = read(fd, contents, sizeof(contents) - 1);
	close(fd);
	contents[n] = '\0';
	return contents;
}

static void
put(const char *path, const char *contents)
{
	int			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct iovec piece = {.iov_base = unconstify(char *, contents),
	.iov_len = strlen(contents)};

	writev(fd, &piece, 1);
	close(fd);
}

/* Replace the file, which holds "old", by "new one". */
static RwReplaceProgress
replace(bool flush, pid_t parent)
{
	static char bytes[] = "new one";
	RwNewFile	file = {.path = PATH,.bytes = bytes,.length = strlen(bytes)};
	RwReplaceProgress progress = {0};
	bool		ok;

	calls[0] = '\0';
	ok = rw_replace_file(&file, 0640, flush, parent, &progress);
	ok(ok == (progress.step == RW_REPLACE_DONE) && ok == (progress.error == 0),
	   "result and progress agree");
	return progress;
}

static void
test_order(void)
{
	struct stat st;

	section("the order of what is done");
	put(PATH, "old");
	is_int(replace(true, 0).step, RW_REPLACE_DONE, "a file is replaced");
	is_text(calls, "write, fsync, rename, fsync directory",
			"it is flushed before it is renamed, and its directory after");
	is_text(contents_of(PATH), "new one", "it has the new contents");
	is_text(contents_of(TMP), "(none)", "nothing is left over");
	stat(PATH, &st);
	is_int(st.st_mode & 07777, 0640, "it has the mode that was asked for");

	unlink(PATH);
	(void) replace(false, getppid());
	is_text(calls, "write, rename", "nothing is flushed unless it is wanted");
	is_text(contents_of(PATH), "new one", "there need be no old file");

	put(PATH, "old");
	write_little = interrupt_once = true;
	(void) replace(true, 0);
	write_little = false;
	is_text(calls,
			"write, write, write, write, fsync, rename, fsync directory",
			"what is interrupted or done in part is gone on with");
	is_text(contents_of(PATH), "new one", "it is complete");
}

static void
test_failures(void)
{
	static const struct
	{
		const char *call;
		RwReplaceStep step;
		const char *left;
	}			failures[] = {
		{"write", RW_REPLACE_WRITE, "old"},
		{"fsync", RW_REPLACE_FLUSH, "old"},
		{"rename", RW_REPLACE_RENAME, "old"},
		{"fsync directory", RW_REPLACE_FLUSH_DIRECTORY, "new one"},
	};
	RwReplaceProgress progress;

	for (int i = 0; i < lengthof(failures); i++)
	{
		section(failures[i].call);
		put(PATH, "old");
		failing = failures[i].call;
		progress = replace(true, 0);
		failing = "";
		is_int(progress.step, failures[i].step, "it says what failed");
		is_int(progress.error, EIO, "and why");
		is_text(contents_of(PATH), failures[i].left,
				"a file that is there is whole");
		is_text(contents_of(TMP), "(none)", "nothing is left over");
	}

	section("the process that wanted it has gone");
	put(PATH, "old");
	progress = replace(true, getpid());
	is_int(progress.step, RW_REPLACE_RENAME, "it goes up to the rename");
	is_int(progress.error, ESRCH, "it says why it goes no further");
	is_text(calls, "write, fsync", "nothing is renamed");
	is_text(contents_of(PATH), "old", "the file is the old one");
	is_text(contents_of(TMP), "(none)", "nothing is left over");
}

static void
test_links(void)
{
	struct stat st;

	section("what is in the way");
	put("target", "of somebody else's");
	put(PATH, "old");
	symlink("../target", TMP);
	is_int(replace(true, 0).step, RW_REPLACE_DONE,
		   "a link in PATH.tmp's place");
	is_text(contents_of(PATH), "new one", "the file is replaced");
	is_text(contents_of("target"), "of somebody else's",
			"what it points to is not touched");

	put(PATH, "old");
	relink = true;
	is_int(replace(true, 0).step, RW_REPLACE_CREATE,
		   "a link that is put there again");
	relink = false;
	is_text(contents_of(PATH), "old", "the file is the old one");
	is_text(contents_of("target"), "of somebody else's",
			"what it points to is not touched");

	unlink(PATH);
	symlink("../target", PATH);
	is_int(replace(true, 0).step, RW_REPLACE_DONE, "a link in PATH's place");
	lstat(PATH, &st);
	ok(S_ISREG(st.st_mode), "it is replaced by a file");
	is_text(contents_of("target"), "of somebody else's",
			"what it points to is not touched");

	put(PATH, "old");
	put(TMP, "left over, and longer than what is to come");
	is_int(replace(true, 0).step, RW_REPLACE_DONE, "what a crash has left");
	is_text(contents_of(PATH), "new one", "it is not in the file");

	mkfifo(TMP, 0600);
	is_int(replace(true, 0).step, RW_REPLACE_DONE, "a pipe");

	put(PATH, "old");
	mkdir(TMP, 0700);
	is_int(replace(true, 0).step, RW_REPLACE_CREATE, "a directory");
	is_text(contents_of(PATH), "old", "the file is the old one");
	rmdir(TMP);

	section("a directory that is reached by a link");
	rename("kept", "elsewhere");
	symlink("elsewhere", "kept");
	is_int(replace(true, 0).step, RW_REPLACE_DONE, "that is as good");
	is_text(contents_of("elsewhere/file"), "new one", "the file is there");
}

int
main(void)
{
	char		directory[] = "/tmp/test_replace_file.XXXXXX";

	umask(0);
	if (mkdtemp(directory) == NULL || chdir(directory) != 0 ||
		mkdir("kept", 0700) != 0)
		return 1;
	test_order();
	test_failures();
	test_links();

	unlink("elsewhere/file");
	unlink("kept");
	rmdir("elsewhere");
	unlink("target");
	(void) chdir("/");
	ok(rmdir(directory) == 0, "nothing else was made");
	return tap_end();
}
