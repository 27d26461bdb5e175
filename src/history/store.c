/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Files that survive a restart of the server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"

#include "src/history/store.h"

#define STORE_MAGIC			0x52574C48

/* Of each kind of file: raised when what the file holds changes. */
static const uint32 store_formats[] = {
	[RW_STORE_HISTORY] = 1,
	[RW_STORE_STATE] = 2,
};

/* Far more than any file of ours has. */
#define STORE_MAX_LENGTH	(64 * 1024 * 1024)

typedef struct StoreHeader
{
	uint32		magic;
	uint32		format;
	uint32		kind;
	uint32		length;			/* of the payload */
	uint64		system_identifier;
	RwStoreLabel label;
	pg_crc32c	crc;			/* of this header up to here, and payload */
} StoreHeader;

static pg_crc32c
checksum(const StoreHeader *header, const void *payload)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, header, offsetof(StoreHeader, crc));
	COMP_CRC32C(crc, payload, header->length);
	FIN_CRC32C(crc);
	return crc;
}

void *
rw_store_begin(RwNewFile *file, const char *path, uint32 room)
{
	file->path = path;
	/* Padding is written too, and must not be random. */
	file->bytes = palloc0(sizeof(StoreHeader) + room);
	return (char *) file->bytes + sizeof(StoreHeader);
}

void
rw_store_finish(RwNewFile *file, RwStoreKind kind, const RwStoreLabel *label,
				uint32 length)
{
	StoreHeader *header = file->bytes;

	header->magic = STORE_MAGIC;
	header->format = store_formats[kind];
	header->kind = kind;
	header->length = length;
	header->system_identifier = GetSystemIdentifier();
	header->label = *label;
	header->crc = checksum(header, header + 1);
	file->length = sizeof(StoreHeader) + length;
}

void
rw_store_log_failure(const char *path, const RwReplaceProgress *progress)
{
	char		tmp[MAXPGPATH];

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	errno = progress->error;
	switch (progress->step)
	{
		case RW_REPLACE_CREATE:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not create file \"%s\": %m", tmp)));
			break;
		case RW_REPLACE_WRITE:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not write file \"%s\": %m", tmp)));
			break;
		case RW_REPLACE_FLUSH:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not fsync file \"%s\": %m", tmp)));
			break;
		case RW_REPLACE_CLOSE:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not close file \"%s\": %m", tmp)));
			break;
		case RW_REPLACE_RENAME:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not rename file \"%s\" to \"%s\": %m",
							tmp, path)));
			break;
		case RW_REPLACE_FLUSH_DIRECTORY:
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not fsync the directory of file \"%s\": %m",
							path)));
			break;
		case RW_REPLACE_NOT_BEGUN:
		case RW_REPLACE_DONE:
			break;
	}
}

void
rw_store_set_aside(const char *path, const char *why)
{
	char		aside[MAXPGPATH];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	if (rename(path, aside) == 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("could not use file \"%s\": %s", path, why),
				 errdetail("The file was renamed to \"%s\", and its contents are lost.",
						   aside)));
	else
		ereport(WARNING,
				(errcode_for_file_access(),
				 errmsg("could not rename unusable file \"%s\" to \"%s\": %m",
						path, aside),
				 errdetail("The file cannot be used: %s.", why)));
}

static ssize_t
read_all(int fd, void *data, size_t length)
{
	char	   *p = data;
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		n = read(fd, p + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

/*
 * Read an open file.  Returns the payload.  If there is none that can be
 * used, returns NULL and sets *why to the reason; if the file could not be
 * read, returns NULL, leaves *why alone and sets errno.
 */
static void *
read_file(int fd, RwStoreKind kind, StoreHeader *header, const char **why)
{
	struct stat st;
	void	   *payload;
	ssize_t		n;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (!S_ISREG(st.st_mode))
	{
		*why = "it is not a regular file";
		return NULL;
	}
	n = read_all(fd, header, sizeof(StoreHeader));
	if (n < 0)
		return NULL;
	if (n == 0)
	{
		*why = "it is empty";
		return NULL;
	}
	if (n != sizeof(StoreHeader) || header->magic != STORE_MAGIC ||
		header->kind != kind)
	{
		*why = "it is not one of replwatch's files";
		return NULL;
	}
	if (header->format != store_formats[kind])
	{
		*why = "its format is that of another version";
		return NULL;
	}
	if (header->length > STORE_MAX_LENGTH ||
		st.st_size != (off_t) (sizeof(StoreHeader) + header->length))
	{
		*why = "it is incomplete";
		return NULL;
	}

	payload = palloc(Max(header->length, 1));
	n = read_all(fd, payload, header->length);
	if (n < 0)
	{
		pfree(payload);
		return NULL;
	}
	if (n != header->length || header->crc != checksum(header, payload))
		*why = "its checksum is wrong";
	else if (header->system_identifier != GetSystemIdentifier())
		*why = "it belongs to another database cluster";
	else
		return payload;
	pfree(payload);
	return NULL;
}

/* Systems differ in the error that O_NOFOLLOW gives.  Keeps errno. */
static bool
is_link(const char *path)
{
	int			save_errno = errno;
	struct stat st;
	bool		link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);

	errno = save_errno;
	return link;
}

void *
rw_store_load(const char *path, RwStoreKind kind, RwStoreLabel *label,
			  uint32 *length)
{
	StoreHeader header;
	const char *why = NULL;
	void	   *payload;
	int			fd;

	/* Opening a pipe would block until somebody opens its other end. */
	fd = OpenTransientFile(path,
						   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
	{
		/* If it stayed, the next save would overwrite it, or fail to. */
		if (errno != ENOENT)
			rw_store_set_aside(path, is_link(path) ? "it is a symbolic link" :
							   pstrdup(strerror(errno)));
		return NULL;
	}

	payload = read_file(fd, kind, &header, &why);
	if (payload == NULL && why == NULL)
		why = pstrdup(strerror(errno));
	CloseTransientFile(fd);

	if (why != NULL)
		rw_store_set_aside(path, why);
	if (payload != NULL)
	{
		*label = header.label;
		*length = header.length;
	}
	return payload;
}
