/*-------------------------------------------------------------------------
 *
 * commandline.h
 *	  The shell command line, made from the template alert_command.
 *
 * A pure file.  alert_command is a shell command with placeholders: %a alert,
 * %s subject, %v severity, %t state, %d detail, and %% for a percent sign.
 *
 * Subjects and details contain text that others chose: names of replicas,
 * slots and files.  So a value never becomes part of the line that the shell
 * parses.  Values are passed in environment variables, and a placeholder is
 * replaced by a reference to its variable, in double quotes unless it is
 * within double quotes already:
 *
 *		notify --host %s "%a is %t"
 *		notify --host "${REPLWATCH_SUBJECT}" "${REPLWATCH_ALERT} is ${REPLWATCH_STATE}"
 *
 * The shell does not parse the expansion of a variable as a command, whatever
 * it contains and wherever the placeholder is: in backquotes, in a comment, in
 * a here-document.  Nothing needs quoting, so nothing can be quoted wrong; if
 * the shell disagrees with us about what is quoted, a value may become several
 * words, but never a command.
 *
 * Within single quotes the shell expands nothing: a placeholder there is
 * refused, as is one after a backslash, which would quote our quote.
 *
 * A command that passes a value to another shell (eval, sh -c "... %s", ssh)
 * has it parsed there, and must quote it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMANDLINE_H
#define RW_COMMANDLINE_H

/* The size of a command line, including the terminating 0. */
#define RW_COMMANDLINE_LEN	8192

/* The values of a command, in the order of rw_commandline_values. */
typedef enum RwCommandValue
{
	RW_COMMAND_ALERT,
	RW_COMMAND_SUBJECT,
	RW_COMMAND_SEVERITY,
	RW_COMMAND_STATE,
	RW_COMMAND_DETAIL,
	RW_COMMAND_TIME				/* Must be last */
} RwCommandValue;

#define RW_COMMAND_NUMVALUES	(RW_COMMAND_TIME + 1)

typedef struct RwCommandValueName
{
	char		letter;			/* of the placeholder; 0: there is none */
	const char *variable;		/* in the command's environment */
} RwCommandValueName;

extern const RwCommandValueName rw_commandline_values[RW_COMMAND_NUMVALUES];

/* Why a template is not valid. */
typedef enum RwTemplateFault
{
	RW_TEMPLATE_FINE,
	RW_TEMPLATE_CUT,			/* ends with a single % */
	RW_TEMPLATE_UNKNOWN,		/* no such placeholder */
	RW_TEMPLATE_QUOTED,			/* a placeholder within single quotes */
	RW_TEMPLATE_ESCAPED,		/* a placeholder after a backslash */
	RW_TEMPLATE_LONG			/* does not fit into the line */
} RwTemplateFault;

/*
 * Expand a template into `line`, which has room for `size` bytes.  If the
 * template is not valid, line is empty and *where points to the fault: to the
 * % of the placeholder, or to what did not fit.
 */
extern RwTemplateFault rw_commandline_expand(const char *template, char *line,
											 size_t size, const char **where);

#endif							/* RW_COMMANDLINE_H */
