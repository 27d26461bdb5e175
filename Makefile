# replwatch: build with PGXS, test without a hand-made server.
#
#   make && make install       for the server that pg_config belongs to
#   make unit                  the pure files alone, under sanitizers
#   make fuzz FUZZ_SECONDS=60  the parsers under random input
#   make installcheck          pg_regress on an instance of its own, then TAP
#
# From a directory of its own, which leaves the source's as it is:
#
#   make -f SOURCE/Makefile VPATH=SOURCE
#
# scripts/test does all of it on a machine that has nothing yet.

# PGXS sets srcdir only when it is included, too late for the variables above it.
source := $(or $(VPATH),$(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))

EXTENSION = replwatch
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(source)/replwatch.control)
MODULE_big = replwatch
OBJS = replwatch.o $(patsubst $(source)/%.c,%.o,$(sort $(wildcard $(source)/src/*.c $(source)/src/*/*.c)))
DATA = $(notdir $(wildcard $(source)/replwatch--*.sql))
PGFILEDESC = "replwatch - watches over replication"

# Without a version or C files make would still link a library, and that would
# crash the server.
ifeq ($(EXTVERSION),)
$(error no version in $(source)/replwatch.control)
endif
ifeq ($(words $(OBJS)),1)
$(error no C files in $(source)/src)
endif

# VPATH would find objects in the source's directory and build none here.
ifneq ($(realpath $(source)),$(CURDIR))
ifeq ($(filter clean distclean maintainer-clean,$(MAKECMDGOALS)),)
ifneq ($(wildcard $(addprefix $(source)/,$(OBJS) $(MODULE_big).so)),)
$(error $(source) has been built in: run "make clean" there first)
endif
endif
endif

# The two warnings that PostgreSQL's own headers raise under -Wextra are off.
WARNINGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
PG_CFLAGS = $(WARNINGS) -MMD -MP
PG_CPPFLAGS = -DREPLWATCH_VERSION='"$(EXTVERSION)"' -I$(srcdir)

REGRESS = $(patsubst $(source)/sql/%.sql,%,$(sort $(wildcard $(source)/sql/*.sql)))
REGRESS_OPTS = --temp-instance=./tmp_check --temp-config=$(srcdir)/sql/replwatch.conf
TAP_TESTS = 1
EXTRA_CLEAN = unit/build $(OBJS:.o=.d)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Objects follow the headers that they include, as the compiler noted them, and
# the flags above; bitcode follows its object.
-include $(OBJS:.o=.d)
$(OBJS): $(source)/Makefile $(source)/replwatch.control
$(OBJS:.o=.bc): %.bc: %.o

# Absolute, because VPATH would find the source's directories.
directories = $(addprefix $(CURDIR)/,$(sort $(dir $(OBJS))))
$(OBJS): | $(directories)
$(directories):
	@$(MKDIR_P) $@

# One program a pure file, no server in it; TAP on standard output.  The
# headers are the server's own, made for gcc: clang finds fault with them.
UNIT_PROGRAMS = $(patsubst $(source)/unit/%.c,$(UNIT_BUILD)/%,$(sort $(wildcard $(source)/unit/*/test_*.c)))
UNIT_HEADERS = $(wildcard $(source)/unit/*.h $(source)/unit/*/*.h $(source)/src/*.h $(source)/src/*/*.h)
UNIT_BUILD = $(CURDIR)/unit/build/$(lastword $(notdir $(CC)))
UNIT_CFLAGS = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DFRONTEND -DUSE_ASSERT_CHECKING=1 -Werror \
	$(WARNINGS) -Wno-ignored-attributes \
	-I$(srcdir) -I$(includedir_server) -I$(includedir_internal)

# All pure files together, so that a test needs no list of what its file calls.
UNIT_PURE := $(shell grep -l '^.include "src/base/pure.h"' $(source)/src/*/*.c)
UNIT_OBJS = $(patsubst $(source)/%.c,$(UNIT_BUILD)/%.o,$(UNIT_PURE))

$(UNIT_BUILD)/src/%.o: $(source)/src/%.c $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	$(CC) $(UNIT_CFLAGS) -c -o $@ $<

$(UNIT_BUILD)/pure.a: $(UNIT_OBJS)
	rm -f $@
	$(AR) crs $@ $^

$(UNIT_BUILD)/%: $(source)/unit/%.c $(UNIT_BUILD)/pure.a $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $(filter %.c %.a,$^) -lm

# The parsers under random input, one after the other, each for as long as one
# likes; what is found on the way is kept in the build directory, a crash beside
# it.
FUZZ_SECONDS = 60
FUZZ_BUILD = $(CURDIR)/unit/build/fuzz
FUZZ_TARGETS = $(patsubst $(source)/unit/fuzz_%.c,%,$(sort $(wildcard $(source)/unit/fuzz_*.c)))

$(FUZZ_BUILD)/src/%.o: $(source)/src/%.c $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	clang $(UNIT_CFLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_BUILD)/%: $(source)/unit/fuzz_%.c $(UNIT_PURE:$(source)/%.c=$(FUZZ_BUILD)/%.o) $(UNIT_HEADERS)
	@$(MKDIR_P) $(FUZZ_BUILD)/found_$*
	clang $(UNIT_CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) -lm

fuzz: $(addprefix $(FUZZ_BUILD)/,$(FUZZ_TARGETS))
	for target in $(FUZZ_TARGETS); do \
		ASAN_OPTIONS=quarantine_size_mb=16 $(FUZZ_BUILD)/$$target -max_total_time=$(FUZZ_SECONDS) \
			-max_len=9000 -print_final_stats=1 -artifact_prefix=$(FUZZ_BUILD)/ \
			$(FUZZ_BUILD)/found_$$target $(source)/unit/corpus/$$target || exit; \
	done

unit: $(UNIT_PROGRAMS)
	$(PROVE) --jobs 4 --exec '' $^

.PHONY: unit fuzz
