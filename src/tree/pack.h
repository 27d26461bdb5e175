/*-------------------------------------------------------------------------
 *
 * pack.h
 *	  Servers in less memory.
 *
 * A pure file.  An RwServer is mostly text, and its texts are mostly short.
 * Packed, each text takes the bytes that it has and a zero; everything else
 * is as it is.  Records that begin with an RwServer and have further texts
 * are packed likewise.
 *
 * Where room is scarce, reasons are cut off: each gets its share of what is
 * left.  Records that do not fit even so are left out from the end.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PACK_H
#define RW_PACK_H

#include "src/tree/tree.h"

/* A text in a record. */
typedef struct RwPackText
{
	size_t		offset;
	size_t		size;			/* with its final zero */
} RwPackText;

/* A kind of record that begins with an RwServer. */
typedef struct RwPackKind
{
	size_t		size;
	int			ntexts;
	RwPackText	texts[8];		/* ascending */
} RwPackKind;

/* The texts of an RwServer that is at the beginning. */
#define RW_PACK_TEXT(type, field) \
	{offsetof(type, field), sizeof(((type *) NULL)->field)}
#define RW_PACK_SERVER_TEXTS \
	RW_PACK_TEXT(RwServer, label), \
	RW_PACK_TEXT(RwServer, host), \
	RW_PACK_TEXT(RwServer, name), \
	RW_PACK_TEXT(RwServer, reason_text), \
	RW_PACK_TEXT(RwServer, version)

extern const RwPackKind rw_pack_server;

/* What a record of this size takes at most, without a reason. */
#define RW_PACKED_SIZE(size)	((size) - RW_REASON_LEN + 1)

/*
 * Pack n records into that many bytes; returns how many were used.  With
 * n * RW_PACKED_SIZE() bytes there is room for all.
 */
extern size_t rw_pack(char *to, size_t room, const RwPackKind *kind,
					  const void *records, int n);

/* The same records again, at most max of them; returns how many there were. */
extern int	rw_unpack(void *records, int max, const RwPackKind *kind,
					  const char *from, size_t len);

#endif							/* RW_PACK_H */
