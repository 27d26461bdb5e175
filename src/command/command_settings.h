/*-------------------------------------------------------------------------
 *
 * command_settings.h
 *	  replwatch.alert_command, whose template is checked when it is set.
 *
 * A command that cannot be run is refused while its author can still correct
 * it, and not when the first alert is raised.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMAND_SETTINGS_H
#define RW_COMMAND_SETTINGS_H

/* Define the setting (rw_alert_command); called once from _PG_init. */
extern void rw_command_settings(void);

#endif							/* RW_COMMAND_SETTINGS_H */
