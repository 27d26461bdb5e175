/*-------------------------------------------------------------------------
 *
 * custom_rmgr.c
 *	  An extension with a resource manager of its own.
 *
 * Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xloginsert.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/pg_lsn.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

PG_FUNCTION_INFO_V1(custom_rmgr_write);

static void
custom_redo(XLogReaderState *record)
{
}

static void
custom_desc(StringInfo out, XLogReaderState *record)
{
}

static const char *
custom_identify(uint8 info)
{
	return "NOTHING";
}

static RmgrData custom_rmgr = {
	.rm_name = "custom_rmgr",
	.rm_redo = custom_redo,
	.rm_desc = custom_desc,
	.rm_identify = custom_identify
};

void
_PG_init(void)
{
	if (process_shared_preload_libraries_in_progress)
		RegisterCustomRmgr(RM_EXPERIMENTAL_ID, &custom_rmgr);
}

/* Write a record, flush it, and return its end. */
Datum
custom_rmgr_write(PG_FUNCTION_ARGS)
{
	char		data[] = "nothing";
	XLogRecPtr	end;

	XLogBeginInsert();
	XLogRegisterData(data, sizeof(data));
	end = XLogInsert(RM_EXPERIMENTAL_ID, 0);
	XLogFlush(end);
	PG_RETURN_LSN(end);
}
