/*-------------------------------------------------------------------------
 *
 * units.h
 *	  Durations, sizes, LSNs and commit tokens as text, written and read.
 *
 * A pure file.  Durations are in microseconds, sizes in bytes.
 *
 * Some values are written in more than one way, because what they are read
 * in differs; each function says where its way is shown.  Two more ways are
 * the server's own and not here: messages and JSON print an LSN with
 * RW_LSN_FORMAT (base/compat.h), as this release does, and settings are read
 * by the server's parse_int().  Durations that come as an SQL interval are
 * converted by rw_duration_argument() (base/arguments.h).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_UNITS_H
#define RW_UNITS_H

#include "src/base/render.h"

/* ----------------------------------------------------------------
 *		Writing
 * ----------------------------------------------------------------
 */

/*
 * The answers of the port: "300 ms", "4.2 s", "42 s".  Cut off, not rounded:
 * a limit that was not reached is not shown.
 */
extern void rw_text_duration(RwText *out, int64 duration);

/*
 * The reason of a row: "42 s", and from two minutes on "0:02:00".  A negative
 * duration is shown as 0.  Returns buffer, of RW_DURATION_LEN bytes.
 */
#define RW_DURATION_LEN		32
extern const char *rw_duration(char *buffer, int64 duration);

/*
 * Alerts, in the log and in SQL: "00:05:12".  A negative duration is shown as
 * 0.  Returns buffer, of RW_CLOCK_LEN bytes.
 */
#define RW_CLOCK_LEN		32
extern const char *rw_clock_text(char *buffer, int64 duration);

/*
 * Alerts, in the log and in SQL: "1342 MB", in the unit in which
 * pg_size_pretty() would show it.  A negative size is shown as 0.  Returns
 * buffer, of RW_SIZE_LEN bytes.
 */
#define RW_SIZE_LEN			32
extern const char *rw_size_text(char *buffer, int64 size);

/*
 * The answers of the port: "0/3000060", the same with all releases of the
 * server.
 */
extern void rw_text_lsn(RwText *out, uint64 lsn);

/*
 * A commit token: "6a1f0c2e9b3d4857:00000001:00000000/03000060", the system
 * identifier in lower case.  The parts have a fixed width, so the tokens of
 * one system sort as strings the way that their timelines and LSNs do.
 */
#define RW_TOKEN_WIDTH		43
extern void rw_text_token(RwText *out, uint64 system, uint32 tli, uint64 lsn);

/* ----------------------------------------------------------------
 *		Reading
 *
 * The functions that begin with rw_take_ read from *at, not beyond `end`, and
 * leave *at behind what they have read.  Those that end with _in read all of
 * a text.  All return false if it is not what they read; *at and the result
 * are undefined then.
 * ----------------------------------------------------------------
 */

/*
 * A number without a sign, in a base up to 16: at least one digit, at most
 * most_digits of them, leading zeros included, and not above `most`.
 */
extern bool rw_take_number(const char **at, const char *end, int base,
						   int most_digits, uint64 most, uint64 *value);

/* An LSN: two hexadecimal numbers, each as above, with a slash between. */
extern bool rw_take_lsn(const char **at, const char *end, int most_digits,
						uint64 *lsn);

/* The digits that pg_lsn takes in each half. */
#define RW_LSN_DIGITS		8

/*
 * A commit token, of exactly the form above but in any case; its timeline is
 * not 0.
 */
extern bool rw_take_token(const char **at, const char *end, uint64 *system,
						  uint32 *tli, uint64 *lsn);

/* An LSN of RW_LSN_DIGITS, ended by a zero byte. */
extern bool rw_lsn_in(const char *string, uint64 *lsn);

/*
 * An amount of time or of WAL, as a limit for the port: a number, with up to
 * six decimals, and one of PostgreSQL's units, without a blank: B, kB, MB,
 * GB, TB or us, ms, s, min, h, d.  A bare number is bytes.
 */
extern bool rw_amount_in(const char *at, const char *end, bool *is_time,
						 int64 *amount);

#endif							/* RW_UNITS_H */
