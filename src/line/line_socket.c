/*-------------------------------------------------------------------------
 *
 * line_socket.c
 *	  The socket of one line, and what goes in and out.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/socket.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/memutils.h"

#include "src/line/intern.h"

void
rw_line_open(RwLine *line, pgsocket sock, RwTime now)
{
	line->sock = sock;
	line->waits_for = 0;
	line->heard_at = line->moved_at = now;
	line->second = now;
	line->allowed = RW_LINE_FRAMES_PER_SECOND;
	line->due = false;
	line->telling = NULL;
	line->nreceived = 0;
	line->nunsent = 0;
	line->unsent_from = 0;
}

void
rw_line_close(RwLines *lines, RwLine *line)
{
	if (line->sock == PGINVALID_SOCKET)
		return;
	closesocket(line->sock);
	ReleaseExternalFD();
	line->sock = PGINVALID_SOCKET;
	if (line->telling)
		pfree(line->telling);
	line->telling = NULL;
	if (line->waits_for != 0)
		lines->changed = true;
	line->waits_for = 0;
	/* It has the keys of the session. */
	memset(&line->session, 0, sizeof(line->session));
}

bool
rw_line_has_room(const RwLine *line)
{
	return line->nunsent <= sizeof(line->unsent) - RW_FRAME_MAX;
}

void
rw_line_put(RwLine *line, const uint8 *data, size_t len)
{
	Assert(line->nunsent + len <= sizeof(line->unsent));
	if (line->unsent_from > 0)
	{
		memmove(line->unsent, line->unsent + line->unsent_from,
				line->nunsent);
		line->unsent_from = 0;
	}
	memcpy(line->unsent + line->nunsent, data, len);
	line->nunsent += len;
}

static bool
is_transient(int code)
{
	return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

bool
rw_line_flush(RwLine *line, RwTime now)
{
	ssize_t		n;

	if (line->nunsent > 0)
	{
		n = send(line->sock, line->unsent + line->unsent_from, line->nunsent,
				 0);
		if (n < 0)
			return is_transient(errno);
		line->unsent_from += n;
		line->nunsent -= n;
		if (n == 0)
			return true;
	}
	line->moved_at = now;
	return true;
}

uint32
rw_line_events(const RwLine *line)
{
	uint32		events = 0;

	if (line->allowed > 0)
		events |= WL_SOCKET_READABLE;
	if (line->nunsent > 0)
		events |= WL_SOCKET_WRITEABLE;
	return events;
}

RwTime
rw_line_allow(RwLine *line, RwTime now)
{
	if (now >= line->second + RW_SECOND)
	{
		line->second = now;
		line->allowed = RW_LINE_FRAMES_PER_SECOND;
	}
	return line->allowed > 0 ? RW_NEVER : line->second + RW_SECOND;
}

bool
rw_line_receive(RwLine *line)
{
	size_t		room = sizeof(line->received) - line->nreceived;
	ssize_t		n;

	if (line->allowed <= 0)
		return true;
	n = recv(line->sock, line->received + line->nreceived, room, 0);
	if (n > 0)
		line->nreceived += n;
	else if (n == 0)
		errno = 0;
	return n > 0 || (n < 0 && is_transient(errno));
}

RwSessionEvent
rw_line_next(RwLines *lines, RwLine *line, RwTime now)
{
	RwFrame    *frame = &lines->frame;
	RwSessionEvent event;
	size_t		used;

	event = rw_session_receive(&line->session, line->received,
							   line->nreceived, &used, now,
							   &lines->server, frame);
	if (event == RW_SESSION_INCOMPLETE)
		return event;
	lines->budget--;
	line->allowed--;
	line->nreceived -= used;
	memmove(line->received, line->received + used, line->nreceived);
	if (event != RW_SESSION_IS_BROKEN)
		line->heard_at = now;
	if (frame->len > 0 && rw_line_has_room(line))
		rw_line_put(line, frame->data, frame->len);
	return event;
}

/* Put the next frame of the round; false if none can be made. */
static bool
put_next_frame(RwLines *lines, RwLine *line, RwTime now)
{
	lines->budget--;
	if (line->ntold < line->ntelling)
	{
		if (!rw_session_tell(&line->session, &line->telling[line->ntold], now,
							 &lines->frame))
			return false;
		line->ntold++;
	}
	else
	{
		if (!rw_session_end(&line->session, &lines->frame))
			return false;
		pfree(line->telling);
		line->telling = NULL;
	}
	rw_line_put(line, lines->frame.data, lines->frame.len);
	return true;
}

bool
rw_line_tell(RwLines *lines, RwLine *line, RwTime now)
{
	for (;;)
	{
		while (line->telling && lines->budget > 0 && rw_line_has_room(line))
		{
			if (!put_next_frame(lines, line, now))
			{
				errno = 0;
				return false;
			}
		}
		if (!rw_line_flush(line, now))
			return false;
		if (line->nunsent > 0 || line->telling == NULL || lines->budget <= 0)
			return true;
	}
}

RwTime
rw_line_dies_at(const RwLine *line)
{
	RwTime		since = line->heard_at;

	if (line->nunsent > 0)
		since = Min(since, line->moved_at);
	return since + RW_LINE_SILENCE;
}

bool
rw_line_is_dead(const RwLine *line, RwTime now)
{
	return now >= rw_line_dies_at(line);
}
