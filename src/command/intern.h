/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  alert_command: what only the files of this folder use.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMAND_INTERN_H
#define RW_COMMAND_INTERN_H

#include "src/command/command.h"

/*
 * Take the oldest notice out of the queue (command.c); false if it is empty.
 */
extern bool rw_command_take(RwNotice *notice);

#endif							/* RW_COMMAND_INTERN_H */
