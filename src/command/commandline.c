/*-------------------------------------------------------------------------
 *
 * commandline.c
 *	  The shell command line, made from the template alert_command.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/command/commandline.h"

const RwCommandValueName rw_commandline_values[RW_COMMAND_NUMVALUES] = {
	[RW_COMMAND_ALERT] = {'a', "REPLWATCH_ALERT"},
	[RW_COMMAND_SUBJECT] = {'s', "REPLWATCH_SUBJECT"},
	[RW_COMMAND_SEVERITY] = {'v', "REPLWATCH_SEVERITY"},
	[RW_COMMAND_STATE] = {'t', "REPLWATCH_STATE"},
	[RW_COMMAND_DETAIL] = {'d', "REPLWATCH_DETAIL"},
	[RW_COMMAND_TIME] = {'\0', "REPLWATCH_TIME"}
};

/* The line made so far. */
typedef struct RwLine
{
	char	   *start;
	size_t		len;
	size_t		size;
	bool		full;			/* something did not fit */
} RwLine;

static void
append_piece(RwLine *line, const char *piece, size_t len)
{
	if (line->full || len >= line->size - line->len)
	{
		line->full = true;
		return;
	}
	memcpy(line->start + line->len, piece, len);
	line->len += len;
}

static void
append_reference(RwLine *line, const char *variable, bool quoted)
{
	if (!quoted)
		append_piece(line, "\"", 1);
	append_piece(line, "${", 2);
	append_piece(line, variable, strlen(variable));
	append_piece(line, "}", 1);
	if (!quoted)
		append_piece(line, "\"", 1);
}

static const char *
find_variable(char letter)
{
	for (int i = 0; i < RW_COMMAND_NUMVALUES; i++)
	{
		if (letter == rw_commandline_values[i].letter)
			return rw_commandline_values[i].variable;
	}
	return NULL;
}

static RwTemplateFault
expand_template(const char *template, RwLine *line, const char **where)
{
	char		quote = '\0';	/* the quote that is open */
	bool		escaped = false;	/* the last character was a backslash */

	for (const char *p = template; *p != '\0'; p++)
	{
		*where = p;
		if (*p == '%' && p[1] == '\0')
			return RW_TEMPLATE_CUT;
		if (*p == '%' && p[1] != '%')
		{
			const char *variable = find_variable(p[1]);

			if (variable == NULL)
				return RW_TEMPLATE_UNKNOWN;
			if (escaped)
				return RW_TEMPLATE_ESCAPED;
			if (quote == '\'')
				return RW_TEMPLATE_QUOTED;
			append_reference(line, variable, quote == '"');
			p++;
		}
		else
		{
			if (*p == '%')
				p++;
			append_piece(line, p, 1);

			if (escaped)
				escaped = false;
			else if (*p == '\\')
				escaped = (quote != '\'');
			else if (quote == '\0' && (*p == '\'' || *p == '"'))
				quote = *p;
			else if (*p == quote)
				quote = '\0';
		}
		if (line->full)
			return RW_TEMPLATE_LONG;
	}
	return RW_TEMPLATE_FINE;
}

RwTemplateFault
rw_commandline_expand(const char *template, char *line, size_t size,
					  const char **where)
{
	RwLine		made = {line, 0, size, false};
	RwTemplateFault fault = expand_template(template, &made, where);

	/* append_piece() always leaves room for the terminating 0. */
	line[fault == RW_TEMPLATE_FINE ? made.len : 0] = '\0';
	return fault;
}
