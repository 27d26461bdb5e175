/*-------------------------------------------------------------------------
 *
 * commandline.h
 *	  What the shell is told to run, made of alert_command.
 *
 * A pure file.  alert_command is a line of shell with placeholders: %a alert,
 * %s subject, %v severity, %t state, %d detail, and %% for a percent sign.
 *
 * Subjects and details hold what others chose: names of replicas, of slots, of
 * files.  So a value never becomes a part of the line that the shell reads.
 * The values are handed over in environment variables, and a placeholder is
 * replaced by a reference to its variable, with double quotes around it where
 * it does not stand within double quotes already:
 *
 *		notify --host %s "%a is %t"
 *		notify --host "${REPLWATCH_SUBJECT}" "${REPLWATCH_ALERT} is ${REPLWATCH_STATE}"
 *
 * The shell does not parse again what a variable expands to, whatever is in
 * it and wherever the placeholder stands: in backquotes, in a comment, in a
 * here-document.  There is nothing to quote, so nothing can be quoted wrong;
 * where the shell's idea of what is quoted should be another than ours, a
 * value may become several words, never a command.
 *
 * Within single quotes the shell expands nothing: a placeholder there is
 * refused, as is one after a backslash, which would take our quotes for text.
 *
 * Only who hands a value to another shell (eval, sh -c "... %s", ssh) has it
 * parsed there, and has to quote it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMANDLINE_H
#define RW_COMMANDLINE_H

/* Room for a line with its references, with the final 0. */
#define RW_COMMANDLINE_LEN	8192

/* What a command is told, in the order of rw_commandline_values. */
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
	char		letter;			/* of its placeholder; 0: has none */
	const char *variable;		/* in the command's environment */
} RwCommandValueName;

extern const RwCommandValueName rw_commandline_values[RW_COMMAND_NUMVALUES];

/* Why a template can't be a command. */
typedef enum RwTemplateFault
{
	RW_TEMPLATE_FINE,
	RW_TEMPLATE_CUT,			/* ends after a % */
	RW_TEMPLATE_UNKNOWN,		/* no such placeholder */
	RW_TEMPLATE_QUOTED,			/* a placeholder within single quotes */
	RW_TEMPLATE_ESCAPED,		/* a placeholder after a backslash */
	RW_TEMPLATE_LONG			/* does not fit */
} RwTemplateFault;

/*
 * Make the shell's line of a template, in `line`, which has room for `size`
 * bytes.  If that can't be, line is empty and *where points to the fault: to
 * the % of the placeholder, or to what did not fit.
 */
extern RwTemplateFault rw_commandline_expand(const char *template, char *line,
											 size_t size, const char **where);

#endif							/* RW_COMMANDLINE_H */
