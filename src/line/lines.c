/*-------------------------------------------------------------------------
 *
 * lines.c
 *	  The lines of this server: what is known, what is told, and when.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/latch.h"
#include "utils/memutils.h"

#include "src/line/intern.h"
#include "src/line/key.h"
#include "src/settings.h"

/* All is told once in this time, and when words have changed, sooner. */
#define TELL_INTERVAL	(1 * RW_SECOND)
#define TELL_SOON		(100 * RW_MS)
#define TELL_SOON_EACH	(4 * RW_MS)

/*
 * A standby whose line is up leaves it to the upstream server to begin, and
 * has its rounds follow that one's: it wakes up once for both, and its
 * upstream server not for each of its standbys at another time.
 */
#define ANSWER_SLACK	(100 * RW_MS)

/* How long a standby may take to speak first. */
#define SPEAK_FIRST		(300 * RW_MS)

/* How long a replica that has come may take to report. */
#define REPORT_TIME		(2 * RW_SECOND)

/* How old the report may be. */
#define REPORT_AGE_MAX	(200 * RW_MS)

/* Make the key anew.  Returns whether it is another one, or there is none. */
static bool
make_key(RwLines *lines)
{
	uint8		key[RW_LINE_KEY_LEN];
	const char *problem = NULL;
	bool		had_key = lines->has_key;

	if (rw_server_id_is_set(lines->own))
		lines->has_key = rw_line_key(key, &problem);
	else
		problem = "there was no random number for this server's id";
	if (!lines->has_key)
	{
		memset(key, 0, sizeof(key));

		/* It is not reported again at each reload. */
		if (lines->key_problem == NULL ||
			strcmp(lines->key_problem, problem) != 0)
			ereport(WARNING,
					(errmsg("there are no replwatch lines to other servers: %s",
							problem)));
	}
	lines->key_problem = lines->has_key ? NULL : problem;
	if (had_key == lines->has_key &&
		rw_bytes_equal(key, lines->key, sizeof(key)))
		return false;
	memcpy(lines->key, key, sizeof(key));
	return true;
}

RwLines *
rw_lines_create(void)
{
	MemoryContext context;
	RwLines    *lines;
	Size		children = rw_max_replicas * sizeof(RwChild);

	context = AllocSetContextCreate(TopMemoryContext, "replwatch lines",
									ALLOCSET_DEFAULT_SIZES);
	lines = MemoryContextAllocZero(context,
								   offsetof(RwLines, children) +
								   rw_max_replicas * sizeof(RwServer));
	lines->context = context;
	lines->own = rw_own_server_id();
	lines->report.own.reported_at = RW_NEVER;
	lines->report.children = MemoryContextAllocZero(context, children);
	lines->next_report.children = MemoryContextAllocZero(context, children);
	lines->upstream.resolver.pipe = PGINVALID_SOCKET;
	lines->upstream.line.sock = PGINVALID_SOCKET;
	lines->told_changed = lines->upstream_changed = true;
	(void) make_key(lines);
	return lines;
}

void
rw_lines_reload(RwLines *lines)
{
	/* Other settings may have changed, too. */
	lines->idle_until = RW_NEVER;
	if (!make_key(lines))
		return;
	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		RwLine	   *line = lines->downstream[i];

		if (line && line->sock != PGINVALID_SOCKET)
			rw_downstream_end_line(lines, line, "the key has changed");
	}
	rw_upstream_restart(lines);
}

bool
rw_lines_draw_challenge(uint8 *challenge)
{
	return pg_strong_random(challenge, RW_CHALLENGE_LEN);
}

/* Are the words of two reports other ones? */
static bool
report_words_differ(const RwReport *a, const RwReport *b)
{
	if (a->nchildren != b->nchildren ||
		rw_server_words_differ(&a->own, &b->own))
		return true;
	for (int i = 0; i < a->nchildren; i++)
	{
		if (rw_server_words_differ(&a->children[i].server,
								   &b->children[i].server))
			return true;
	}
	return false;
}

void
rw_lines_read_report(RwLines *lines, RwTime now, int64 age_max)
{
	RwReport	before = lines->report;

	if (!rw_report_changed(&lines->report_number) &&
		now - lines->report_read_at < age_max)
		return;
	lines->report_read_at = now;
	lines->idle_until = RW_NEVER;
	rw_report_read(&lines->next_report);
	if (lines->next_report.own.reported_at == RW_NEVER)
		return;

	lines->report = lines->next_report;
	lines->next_report = before;
	if (report_words_differ(&before, &lines->report))
		lines->words_changed = true;
	rw_downstream_follow_report(lines);
}

/* Have a new tree, at most once in a turn. */
static void
refresh_tree(RwLines *lines)
{
	int			ntold;

	if (lines->tree_is_fresh)
		return;
	for (int i = 0; i < lines->report.nchildren; i++)
		lines->children[i] = lines->report.children[i].server;
	ntold = rw_told_list(&lines->below, &lines->above, lines->own,
						 lines->upstream.line.session.peer, lines->list);
	rw_tree_build(&lines->tree, &lines->report.own, lines->children,
				  lines->report.nchildren, lines->list, ntold);
	lines->tree_is_fresh = true;
}

/*
 * Has this replica just come, and not reported yet?  It may be a server that
 * all others know at another place; once its id is known, they see that.
 */
static bool
may_report_soon(const RwLines *lines, const RwServer *server)
{
	return rw_server_id_equal(server->parent, lines->own) &&
		!rw_server_id_is_set(server->id) &&
		server->streaming_for >= 0 && server->streaming_for < REPORT_TIME;
}

/*
 * Put what a line is told into lines->list.  The upstream server is told of
 * this one and all below it; a standby of all but what it has told itself,
 * with its own entry, as this server sees it.
 */
static int
choose_servers(RwLines *lines, const RwLine *line)
{
	const RwTree *tree = &lines->tree;
	bool		is_above = line->branch == RW_BRANCH_ABOVE;
	bool		within[RW_TREE_MAX];	/* below this server or that standby */
	int			n = 0;

	for (int i = 0; i < tree->nservers; i++)
	{
		const RwServer *server = &tree->servers[i];
		bool		below = server->upstream >= 0 && within[server->upstream];
		bool		is_root = is_above ?
			rw_server_id_equal(server->id, lines->own) :
			server->key == line->branch &&
			rw_server_id_equal(server->parent, lines->own);

		within[i] = below || is_root;
		if (is_above ? !within[i] : below)
			continue;
		lines->list[n] = *server;

		/* It may not have told of itself since it was started. */
		if (!is_above && is_root)
			lines->list[n++].id = line->session.peer;
		else if (!may_report_soon(lines, server))
			n++;
	}
	return n;
}

/* Begin to tell a line all that there is. */
static void
begin_telling(RwLines *lines, RwLine *line)
{
	int			n;

	line->due = false;
	refresh_tree(lines);
	n = choose_servers(lines, line);
	line->telling = MemoryContextAllocExtended(lines->context,
											   Max(n, 1) * sizeof(RwServer),
											   MCXT_ALLOC_NO_OOM);
	if (line->telling == NULL)
		return;
	memcpy(line->telling, lines->list, n * sizeof(RwServer));
	line->ntelling = n;
	line->ntold = 0;
}

void
rw_lines_begin_rounds(RwLines *lines, RwLine *line)
{
	line->round = ++lines->rounds;
	line->opened_at = line->heard_at;
	line->heard_all = false;
	line->due = true;
}

void
rw_lines_take(RwLines *lines, RwLine *line, RwSessionEvent event)
{
	const RwServer *server = &lines->server;
	bool		above = line->branch == RW_BRANCH_ABOVE;
	RwTold	   *told = above ? &lines->above : &lines->below;
	bool		changed;

	if (event == RW_SESSION_TOLD_END)
	{
		changed = rw_told_end_round(told, line->branch, line->round);
		line->round = ++lines->rounds;
		line->heard_all = true;
		lines->told_changed = true;
		lines->upstream_changed |= above;
		lines->upstream_told |= above;
	}
	else if (above)
	{
		changed = rw_told_from_above(told, lines->own, line->round, server);
		if (rw_server_id_equal(server->id, line->session.peer))
			rw_told_upstream_add(&lines->upstream.told, server, line->pid);
	}
	else
		changed = rw_told_from_below(told, lines->own, line->branch,
									 line->session.peer, line->round, server);
	lines->words_changed |= changed;
}

/* The line in place number i, the upstream server's last; NULL: none. */
static RwLine *
get_line(RwLines *lines, int i)
{
	return i < RW_LINES_MAX ? lines->downstream[i] : &lines->upstream.line;
}

static uint32
events_of(RwLines *lines, RwLine *line, pgsocket *sock)
{
	if (line == &lines->upstream.line)
		return rw_upstream_events(&lines->upstream, sock);
	*sock = line->sock;
	return line->sock == PGINVALID_SOCKET ? 0 : rw_line_events(line);
}

bool
rw_line_wait(RwLines *lines, int i, RwLine **line, pgsocket *sock,
			 uint32 *events)
{
	*line = get_line(lines, i);
	if (*line == NULL)
		return false;
	*events = (*line)->waits_for = events_of(lines, *line, sock);
	return *events != 0;
}

/* Note if the loop has to wait for something else. */
static void
note_events(RwLines *lines, RwLine *line)
{
	pgsocket	sock;

	if (line->waits_for != events_of(lines, line, &sock))
		lines->changed = true;
}

bool
rw_lines_changed(RwLines *lines)
{
	bool		result = lines->changed;

	lines->changed = false;
	return result;
}

void
rw_line_serve(RwLines *lines, RwLine *line, RwTime now)
{
	/* The socket is still ready in the next turn. */
	if (lines->budget <= 0)
		return;
	lines->idle_until = RW_NEVER;
	if (line == &lines->upstream.line)
		rw_upstream_serve(lines, now);
	else if (line->sock != PGINVALID_SOCKET)
		rw_downstream_serve(lines, line, now);
	note_events(lines, line);
}

/* Publish what others have told. */
static void
publish(RwLines *lines)
{
	if (lines->told_changed)
	{
		int			n = rw_told_list(&lines->below, &lines->above, lines->own,
									 lines->upstream.line.session.peer,
									 lines->list);

		rw_told_publish(lines->list, n);
		lines->told_changed = false;
	}
	if (lines->upstream_changed)
	{
		rw_told_upstream_publish(&lines->upstream.told, lines->upstream.state);
		lines->upstream_changed = false;
	}
}

/* Is this a line on which something can be told? */
static bool
is_up(const RwLines *lines, const RwLine *line)
{
	return line != NULL && line->sock != PGINVALID_SOCKET &&
		(line != &lines->upstream.line ||
		 lines->upstream.step == RW_UPSTREAM_IS_UP);
}

/* The earlier of two moments, either of which may be RW_NEVER. */
static RwTime
earlier(RwTime a, RwTime b)
{
	if (a == RW_NEVER || b == RW_NEVER)
		return a == RW_NEVER ? b : a;
	return Min(a, b);
}

/* When all lines are to be told again. */
static RwTime
next_telling(const RwLines *lines)
{
	int64		soon = TELL_SOON + lines->tree.nservers * TELL_SOON_EACH;
	int64		interval = TELL_INTERVAL;

	if (lines->upstream.step == RW_UPSTREAM_IS_UP)
		interval += lines->upstream_told ? -TELL_INTERVAL / 2 : ANSWER_SLACK;
	return lines->told_at +
		(lines->words_changed ? Min(soon, interval) : interval);
}

/*
 * When may a round begin?  A standby speaks first, or it would hear of a
 * replica that is itself, and whose id nobody knows yet; but it does not have
 * to.
 */
static RwTime
first_round_at(const RwLines *lines, const RwLine *line)
{
	return line->heard_all || line == &lines->upstream.line ?
		line->opened_at : line->opened_at + SPEAK_FIRST;
}

/* Go on with one line.  Returns when that is due again, or RW_NEVER. */
static RwTime
tell_line(RwLines *lines, RwLine *line, RwTime now)
{
	/* The socket goes first, and what was begun. */
	if (line->nunsent > 0 || (line->telling == NULL && !line->due))
		return RW_NEVER;
	if (lines->budget <= 0)
		return now;
	if (line->telling == NULL)
	{
		if (now < first_round_at(lines, line))
			return first_round_at(lines, line);
		begin_telling(lines, line);
		if (line->telling == NULL)
			return RW_NEVER;
	}

	if (!rw_line_tell(lines, line, now))
	{
		if (line == &lines->upstream.line)
			rw_upstream_handle_broken(lines, now);
		else
			rw_downstream_end_line(lines, line, "it cannot be sent to");
		return RW_NEVER;
	}
	return line->telling != NULL && line->nunsent == 0 ? now : RW_NEVER;
}

/*
 * Tell the lines what is due.  Returns when to go on, RW_NEVER if there is no
 * line.
 */
static RwTime
tell_lines(RwLines *lines, RwTime now)
{
	bool		all_are_due = now >= next_telling(lines);
	RwTime		next = RW_NEVER;
	bool		any = false;

	if (lines->report.own.reported_at == RW_NEVER)
		return RW_NEVER;
	if (all_are_due)
	{
		lines->told_at = now;
		lines->words_changed = false;
	}
	lines->upstream_told = false;
	for (int i = 0; i <= RW_LINES_MAX; i++)
	{
		RwLine	   *line = get_line(lines, i);

		if (!is_up(lines, line))
			continue;
		any = true;
		next = earlier(next, rw_line_allow(line, now));
		line->due |= all_are_due;
		next = earlier(next, tell_line(lines, line, now));
		note_events(lines, line);
	}
	return any ? earlier(next, next_telling(lines)) : RW_NEVER;
}

RwTime
rw_lines_turn(RwLines *lines, RwTime now)
{
	uint32		number = lines->report_number;
	RwTime		next;

	if (now < lines->idle_until && !rw_report_changed(&number))
		return lines->next_turn;

	lines->budget = RW_LINE_FRAMES_PER_TURN;
	lines->tree_is_fresh = false;
	rw_lines_read_report(lines, now, REPORT_AGE_MAX);
	next = rw_upstream_turn(lines, now);
	next = earlier(next, rw_downstream_turn(lines, now));
	publish(lines);
	next = earlier(next, tell_lines(lines, now));
	note_events(lines, &lines->upstream.line);

	/* What is told takes its share of the turn; what comes has its own. */
	lines->budget = RW_LINE_FRAMES_PER_TURN;
	lines->idle_until = earlier(next, now + REPORT_AGE_MAX);
	lines->next_turn = next;
	return next;
}

void
rw_lines_end(RwLines *lines)
{
	rw_upstream_end(lines);
	rw_told_publish(NULL, 0);
}
