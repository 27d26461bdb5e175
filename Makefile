# replwatch: build with PGXS, test without a hand-made server.
#
#   make && make install       for the server that pg_config belongs to
#   make unit                  the pure files alone, under sanitizers
#   make fuzz FUZZ_SECONDS=60  the parser of the port under random input
#   make installcheck          pg_regress on an instance of its own, then TAP
#
# scripts/test does all of it on a machine that has nothing yet.

EXTENSION = replwatch
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" replwatch.control)
MODULE_big = replwatch
OBJS = replwatch.o $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
DATA = $(wildcard replwatch--*.sql)
PGFILEDESC = "replwatch - watches over replication"

# The two warnings that PostgreSQL's own headers raise under -Wextra are off.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
PG_CPPFLAGS = -DREPLWATCH_VERSION='"$(EXTVERSION)"' -I$(srcdir)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --temp-instance=./tmp_check --temp-config=$(srcdir)/sql/replwatch.conf
TAP_TESTS = 1
EXTRA_CLEAN = unit/build

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Objects know nothing of headers: any header rebuilds them all.
$(OBJS): $(wildcard src/*.h)

# One program a pure file, no server in it; TAP on standard output.  The
# headers are the server's own, made for gcc: clang finds fault with them.
UNIT_PURE = $(patsubst unit/test_%.c,%,$(sort $(wildcard unit/test_*.c)))
UNIT_BUILD = unit/build/$(lastword $(notdir $(CC)))
UNIT_CFLAGS = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DFRONTEND -DUSE_ASSERT_CHECKING=1 -Werror \
	$(PG_CFLAGS) -Wno-ignored-attributes \
	-I$(srcdir) -I$(includedir_server) -I$(includedir_internal)

$(UNIT_BUILD)/%: unit/test_%.c src/%.c unit/tap.h $(wildcard src/*.h)
	@$(MKDIR_P) $(UNIT_BUILD)
	$(CC) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) -lm

# What else a pure file is made of.
$(UNIT_BUILD)/replicas: src/rates.c src/replicas_names.c src/replicas_table.c
$(UNIT_BUILD)/commandline: src/shell.c
$(UNIT_BUILD)/verdict: src/render.c src/timeline.c
$(UNIT_BUILD)/request: src/request_parameters.c
$(UNIT_BUILD)/answer: src/render.c src/request.c src/request_parameters.c

# The parser of the port under random input, for as long as one likes; what is
# found on the way is kept in the build directory, a crash beside it.
FUZZ_SECONDS = 60
FUZZ_BUILD = unit/build/fuzz
FUZZ_PURE = src/request.c src/request_parameters.c src/verdict.c src/answer.c \
	src/render.c src/timeline.c

$(FUZZ_BUILD)/request: unit/fuzz_request.c $(FUZZ_PURE) $(wildcard src/*.h)
	@$(MKDIR_P) $(FUZZ_BUILD)/found
	clang $(UNIT_CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.c,$^)

fuzz: $(FUZZ_BUILD)/request
	ASAN_OPTIONS=quarantine_size_mb=16 $< -max_total_time=$(FUZZ_SECONDS) -max_len=9000 -print_final_stats=1 \
		-artifact_prefix=$(FUZZ_BUILD)/ $(FUZZ_BUILD)/found unit/corpus/request

unit: $(addprefix $(UNIT_BUILD)/,$(UNIT_PURE))
	$(PROVE) --jobs 4 --exec '' $^

.PHONY: unit fuzz
