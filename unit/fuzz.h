/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What the targets of "make fuzz" share.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_FUZZ_H
#define RW_FUZZ_H

#include <stdlib.h>

#undef printf
#undef fprintf

/* A property of the parser, whatever it reads: otherwise the run ends here. */
#define MUST(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

#endif							/* RW_FUZZ_H */
