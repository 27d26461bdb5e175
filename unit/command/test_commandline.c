/*-------------------------------------------------------------------------
 *
 * test_commandline.c
 *	  Tests of src/command/commandline.c, the last of them with the real shell.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <poll.h>
#include <unistd.h>

#include "src/command/commandline.h"
#include "src/command/shell.h"
#include "unit/tap.h"

static char line[RW_COMMANDLINE_LEN];
static const char *where;

static void
becomes(const char *template, const char *expected, const char *what)
{
	if (rw_commandline_expand(template, line, sizeof(line),
							  &where) != RW_TEMPLATE_FINE)
		strcpy(line, "(refused)");
	is_text(line, expected, what);
}

/* Refused for this, with the rest of the template from the fault on. */
static void
refused(const char *template, RwTemplateFault fault, const char *rest,
		const char *what)
{
	strcpy(line, "not touched");
	is_int(rw_commandline_expand(template, line, sizeof(line), &where),
		   fault, what);
	is_text(where, rest, "  it says where");
	is_text(line, "", "  there is no line");
}

static void
test_placeholders(void)
{
	section("placeholders");

	becomes("", "", "nothing");
	becomes("page", "page", "none of them");
	becomes("%a", "\"${REPLWATCH_ALERT}\"", "alert");
	becomes("%s", "\"${REPLWATCH_SUBJECT}\"", "subject");
	becomes("%v", "\"${REPLWATCH_SEVERITY}\"", "severity");
	becomes("%t", "\"${REPLWATCH_STATE}\"", "state");
	becomes("%d", "\"${REPLWATCH_DETAIL}\"", "detail");
	becomes("date +%%s", "date +%s", "percent sign");
	becomes("%%%%a", "%%a", "percent signs");
	becomes("%%%a", "%\"${REPLWATCH_ALERT}\"", "both");
	becomes("--of=%s/%a;", "--of=\"${REPLWATCH_SUBJECT}\"/\"${REPLWATCH_ALERT}\";",
			"within words");

	refused("page %", RW_TEMPLATE_CUT, "%", "% at the end");
	refused("%%%", RW_TEMPLATE_CUT, "%", "% at the end, after another");
	refused("page %p", RW_TEMPLATE_UNKNOWN, "%p", "another's placeholder");
	refused("page %A now", RW_TEMPLATE_UNKNOWN, "%A now", "in upper case");
	refused("% a", RW_TEMPLATE_UNKNOWN, "% a", "a space");
	refused("'%x'", RW_TEMPLATE_UNKNOWN, "%x'", "unknown, and in quotes");
}

static void
test_quotes(void)
{
	section("quotes");

	becomes("page \"%a on %s\"",
			"page \"${REPLWATCH_ALERT} on ${REPLWATCH_SUBJECT}\"",
			"within double quotes");
	becomes("\"%a\"%s", "\"${REPLWATCH_ALERT}\"\"${REPLWATCH_SUBJECT}\"",
			"after double quotes");
	becomes("'it'%a", "'it'\"${REPLWATCH_ALERT}\"", "after single quotes");
	becomes("\"it's %a\"", "\"it's ${REPLWATCH_ALERT}\"",
			"a single quote within double ones");
	becomes("\"it's\" %a", "\"it's\" \"${REPLWATCH_ALERT}\"",
			"and after them");
	becomes("'\"' %a", "'\"' \"${REPLWATCH_ALERT}\"",
			"a double quote within single ones");
	becomes("it\\'s %a", "it\\'s \"${REPLWATCH_ALERT}\"",
			"a single quote after a backslash");
	becomes("\\\" %a", "\\\" \"${REPLWATCH_ALERT}\"",
			"a double quote after a backslash");
	becomes("\"\\\" %a", "\"\\\" ${REPLWATCH_ALERT}",
			"that within double quotes");
	becomes("'\\' %a", "'\\' \"${REPLWATCH_ALERT}\"",
			"a backslash within single quotes is one");
	becomes("\\\\%a", "\\\\\"${REPLWATCH_ALERT}\"",
			"after a backslash that is one");
	becomes("'%%'\\%%", "'%'\\%", "percent signs anywhere");
	becomes("'", "'", "quotes not closed are the shell's matter");

	refused("page '%s'", RW_TEMPLATE_QUOTED, "%s'", "within single quotes");
	refused("sh -c 'page %s'", RW_TEMPLATE_QUOTED, "%s'", "within a script");
	refused("\"a\"'%s", RW_TEMPLATE_QUOTED, "%s", "not closed");
	refused("page \\%s", RW_TEMPLATE_ESCAPED, "%s", "after a backslash");
	refused("\"\\%s\"", RW_TEMPLATE_ESCAPED, "%s\"",
			"after a backslash in double quotes");
}

static void
test_sizes(void)
{
	char		longer[RW_COMMANDLINE_LEN + 1];
	size_t		need = strlen("\"${REPLWATCH_ALERT}\"");

	section("sizes");

	memset(longer, 'x', sizeof(longer) - 2);
	longer[sizeof(longer) - 2] = '\0';
	becomes(longer, longer, "the longest");
	strcat(longer, "y");
	refused(longer, RW_TEMPLATE_LONG, "y", "one more");

	/* Memory of exactly that size, so that writing beyond it is noticed. */
	for (size_t size = 1; size <= need + 1; size++)
	{
		char	   *room = malloc(size);
		RwTemplateFault fault = rw_commandline_expand("%a", room, size,
													  &where);

		if ((fault == RW_TEMPLATE_FINE) != (size == need + 1) ||
			strlen(room) != (fault == RW_TEMPLATE_FINE ? need : 0))
			is_uint(size, 0, "a reference is there whole or not at all");
		free(room);
	}
	ok(true, "a reference is there whole or not at all");
}

/* Whatever the bytes, it ends, inside its memory. */
static void
test_garbage(void)
{
	static const char alphabet[] = "%%%asvtdx'\"\\ $`#\n\xc3\xa4";
	uint64		state = 42;
	int			fine = 0;

	section("garbage");

	for (int i = 0; i < 200000; i++)
	{
		char	   *template = malloc(41);
		size_t		size = 1 + next_random(&state) % 200;
		char	   *room = malloc(size);
		size_t		len = 0;

		while (len < 40 && next_random(&state) % 20 != 0)
			template[len++] =
				alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
		template[len] = '\0';
		if (rw_commandline_expand(template, room, size,
								  &where) == RW_TEMPLATE_FINE)
			fine++;
		free(room);
		free(template);
	}
	ok(fine > 0, "some of it is a command, none does harm");
}

/* ---- with the shell ---- */

static char values[RW_COMMAND_NUMVALUES][200];
static RwShell shell;

/* Run what a template becomes for these values; its status. */
static int
run(const char *template)
{
	char		settings[RW_COMMAND_NUMVALUES][sizeof(values[0]) + 50];
	char	   *environment[RW_COMMAND_NUMVALUES + 2];
	int			n = 0;

	for (int i = 0; i < RW_COMMAND_NUMVALUES; i++)
	{
		snprintf(settings[i], sizeof(settings[i]), "%s=%s",
				 rw_commandline_values[i].variable, values[i]);
		environment[n++] = settings[i];
	}
	environment[n++] = "PATH=/usr/bin:/bin";
	environment[n] = NULL;

	if (rw_commandline_expand(template, line, sizeof(line),
							  &where) != RW_TEMPLATE_FINE ||
		!rw_shell_start(&shell, line, environment))
		return -1;
	while (rw_shell_poll(&shell))
	{
		struct pollfd output = {.fd = shell.output,.events = POLLIN};

		(void) poll(&output, 1, 1);
	}
	return shell.status;
}

static void
set_value(RwCommandValue value, const char *content)
{
	strcpy(values[value], content);
}

/* Is this, byte by byte, what the last run has written? */
static bool
wrote(const char *expected, size_t len)
{
	return shell.nkept == len && memcmp(shell.kept, expected, len) == 0;
}

static void
test_values(void)
{
	static const RwCommandValue order[] = {RW_COMMAND_ALERT, RW_COMMAND_SUBJECT,
	RW_COMMAND_SEVERITY, RW_COMMAND_STATE, RW_COMMAND_DETAIL};
	static const char special[] = "'\"\\$`(){}[]<>|&;*?!~#=%- \t\n\r\x01\x7f\xc3\xa4\xff";
	uint64		state = 4711;
	int			lost[3] = {0, 0, 0};

	section("values come through the shell whole");

	for (int i = 0; i < 150; i++)
	{
		char		expected[1000];
		size_t		len = 0;

		for (size_t v = 0; v < lengthof(order); v++)
		{
			char	   *value = values[order[v]];
			size_t		size = next_random(&state) % 100;

			/* Half of them of what is special to a shell only. */
			for (size_t j = 0; j < size; j++)
				value[j] = i % 2 == 0 ?
					special[next_random(&state) % (sizeof(special) - 1)] :
					(char) (1 + next_random(&state) % 255);
			value[size] = '\0';
			memcpy(expected + len, value, size + 1);
			len += size + 1;
		}
		if (run("printf '%%s\\0' %a %s %v %t %d") != 0 ||
			!wrote(expected, len))
			lost[0]++;
		if (run("printf '%%s\\0' \"%a\" \"%s\" \"%v\" \"%t\" \"%d\"") != 0 ||
			!wrote(expected, len))
			lost[1]++;
		if (run("printenv -0 REPLWATCH_ALERT REPLWATCH_SUBJECT REPLWATCH_SEVERITY"
				" REPLWATCH_STATE REPLWATCH_DETAIL") != 0 ||
			!wrote(expected, len))
			lost[2]++;
	}
	is_int(lost[0], 0, "as words");
	is_int(lost[1], 0, "within double quotes");
	is_int(lost[2], 0, "in the environment");

	set_value(RW_COMMAND_ALERT, "a  b");
	set_value(RW_COMMAND_SUBJECT, "");
	is_int(run("set -- %a%s x%s %s \"<%a>\"; printf '%%s|' $# \"$@\""), 0,
		   "words and pieces of words");
	ok(wrote("4|a  b|x||<a  b>|", 17), "each is one word, the empty one too");
}

static void
test_nothing_runs(void)
{
	static const char *const templates[] = {
		"true %s",
		"true \"x %s x\"",
		"true x%s%d",
		"true # %s",
		"true \"$(true %s)\" `true %s`",
		"true \"`true %s`\"",
		"true ${NOTHING:-%s} \"${NOTHING:-%s}\"",
		"cat <<EOF >/dev/null\n%s\nEOF",
		"cat <<'EOF' >/dev/null; true \"\n\"%s\nEOF\n",
		"case %s in x) ;; esac",
		"for x in %s; do true \"$x\"; done",
		"x=%s; true $x \"$x\"",
		"true $%s",
		"true \\\\%s",
		"test %s = %d"
	};
	static const char *const attacks[] = {
		"$(echo RUN >&2)", "`echo RUN >&2`", "'; echo RUN >&2; '",
		"\"; echo RUN >&2; \"", "\n echo RUN >&2\n", "\nEOF\necho RUN >&2\n",
		"; echo RUN >&2 #", "| echo RUN >&2", "& echo RUN >&2 &",
		"\\'; echo RUN >&2; \\'", "\"$(echo RUN >&2)\"", ")`; echo RUN >&2;`(",
		"}; echo RUN >&2; {", "x) echo RUN >&2;; *", "a[$(echo RUN >&2)]"
	};
	int			ran = 0;

	section("nothing of a value is executed");

	for (size_t t = 0; t < lengthof(templates); t++)
	{
		for (size_t a = 0; a < lengthof(attacks); a++)
		{
			set_value(RW_COMMAND_SUBJECT, attacks[a]);
			set_value(RW_COMMAND_DETAIL, attacks[a]);
			if (run(templates[t]) == -1 ||
				(shell.nkept > 0 && strstr(rw_shell_output(&shell), "RUN") == shell.kept))
			{
				printf("# %s\n# with %s: %s\n", templates[t], attacks[a],
					   shell.kept);
				ran++;
			}
		}
	}
	is_int(ran, 0, "wherever the placeholder stands");

	/* That the test would see it. */
	set_value(RW_COMMAND_SUBJECT, attacks[0]);
	is_int(run("eval \"true %s\""), 0, "the words of eval are parsed again");
	ok(wrote("RUN\n", 4), "and executed");
}

int
main(void)
{
	test_placeholders();
	test_quotes();
	test_sizes();
	test_garbage();
	test_values();
	test_nothing_runs();
	return tap_end();
}
