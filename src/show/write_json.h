/*-------------------------------------------------------------------------
 *
 * write_json.h
 *	  Writes a row as members of a JSON object.
 *
 * A pure file.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WRITE_JSON_H
#define RW_WRITE_JSON_H

#include "src/base/render.h"
#include "src/show/columns.h"

/* Writes an LSN as this release of the server prints it. */
typedef void (*RwLsnWriter) (RwText *out, uint64 lsn);

/*
 * Add the columns of a row to the object that was begun last in `out`, and
 * that has no other members than such as were added here.  A value that is
 * not known, and an empty text, is null; an absent one is left out, and so is
 * a column that is not for pages.
 */
extern void rw_json_members(RwText *out, const RwColumns *columns,
							const void *row, RwLsnWriter write_lsn);

#endif							/* RW_WRITE_JSON_H */
