/*-------------------------------------------------------------------------
 *
 * alert_text.h
 *	  An alert in words: value, limit, detail and hint.
 *
 * The detail says what was found and by how much, the hint what to do; both
 * are whole sentences.  They are made in alert_words.c and words_*.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ALERT_TEXT_H
#define RW_ALERT_TEXT_H

#define RW_ALERT_VALUE_LEN	32
#define RW_ALERT_DETAIL_LEN	384
#define RW_ALERT_HINT_LEN	384

/* Each may be empty. */
typedef struct RwAlertText
{
	char		value[RW_ALERT_VALUE_LEN];
	char		threshold[RW_ALERT_VALUE_LEN];	/* of the severity */
	char		detail[RW_ALERT_DETAIL_LEN];
	char		hint[RW_ALERT_HINT_LEN];
} RwAlertText;

#endif							/* RW_ALERT_TEXT_H */
