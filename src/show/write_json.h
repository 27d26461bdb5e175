/*-------------------------------------------------------------------------
 *
 * write_json.h
 *	  Writes a row as members of a JSON object.
 *
 * Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WRITE_JSON_H
#define RW_WRITE_JSON_H

#include "src/base/render.h"
#include "src/show/columns.h"

/* How to add what the server has formats for, as JSON strings. */
typedef struct RwJsonFormats
{
	void		(*add_lsn) (RwText *out, uint64 lsn);
	void		(*add_time) (RwText *out, int64 at);	/* TimestampTz */
} RwJsonFormats;

/*
 * Add the columns of a row to the object that was begun last in `out`.
 *
 * A value that is unknown is null, and so is an empty text.  A value that is
 * absent is left out, and so is a column that is not for pages.
 */
extern void rw_json_members(RwText *out, const RwColumns *columns,
							const void *row, const RwJsonFormats *formats);

#endif							/* RW_WRITE_JSON_H */
