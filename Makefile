# One Makefile for the whole house. Variables a user may set:
#   CC=clang      another compiler            SAN=1   AddressSanitizer and UBSan
#   DESTDIR= PREFIX=/usr                      where `make install` puts things
CC      ?= cc
PREFIX  ?= /usr
SYSCONF ?= /etc
VERSION := 0.1.0
VARIANT := $(notdir $(CC))$(if $(SAN),-san)
B       := build/$(VARIANT)
PKGS    := libconfig libnl-3.0 libnl-route-3.0 jansson libmicrohttpd libsystemd libcap-ng

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN  := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
comma   := ,
SANFLAG := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all \
	   -fno-omit-frame-pointer)
CFLAGS  ?= -O2 -g
override CFLAGS += -std=gnu11 $(WARN) $(HARDEN) $(SANFLAG) -MMD -MP -I. -D_GNU_SOURCE \
	   -DANYPOP_VERSION='"$(VERSION)"' -DANYPOP_LIBEXEC='"$(PREFIX)/libexec/anypop"' \
	   $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# gcc's two runtimes, each of its own library, would not agree where their reports go.
LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANFLAG) \
	   $(if $(SAN),$(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan))
LIB_BASE   := -lconfig -lsystemd
LIB_BGPCTL := $(LIB_BASE) -lev -lnl-route-3 -lnl-3 -ljansson -lm
LIB_BRAIN  := $(LIB_BGPCTL) -lmicrohttpd -lcap-ng
LIB_RESOLVER := $(LIB_BASE) -lev -lunbound -lxxhash -lseccomp -lhiredis -lnettle -lsodium -lssl -lcrypto
# Tests link every room, and each takes what it uses.
LIB_TEST   := -Wl,--as-needed $(LIB_BRAIN) $(LIB_RESOLVER)

objs = $(patsubst %.c,$(B)/%.o,$(1))
LIB_O     := $(call objs,$(sort $(wildcard lib/*.c)))
CLI_C     := $(sort bgpctl/main.c $(wildcard bgpctl/verb_*.c))
BGPCTL_O  := $(call objs,$(sort $(filter-out $(CLI_C),$(wildcard bgpctl/*.c))))
MAINS     := healthd/main.c healthd/brain_main.c healthd/replay_main.c
HEALTHD_O := $(call objs,$(sort $(filter-out $(MAINS),$(wildcard healthd/*.c))))
RESOLVER_O := $(call objs,$(sort $(filter-out resolver/main.c,$(wildcard resolver/*.c))))
A_LIB     := $(B)/lib.a
A_BGPCTL  := $(B)/bgpctl.a
A_HEALTHD := $(B)/healthd.a
A_RESOLVER := $(B)/resolver.a
ARCHIVES  := $(A_HEALTHD) $(A_BGPCTL) $(A_LIB)
A_TEST    := $(A_HEALTHD) $(A_BGPCTL) $(A_RESOLVER) $(A_LIB)
BINS      := $(B)/bin/healthd $(B)/bin/healthd-brain $(B)/bin/healthd-replay $(B)/bin/bgpctl \
	     $(B)/bin/resolver
UNIT      := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*_test.c))
MODEL     := $(patsubst tests/model/%.c,$(B)/tests/model/%,$(wildcard tests/model/*_model.c))
TOOLS     := $(patsubst tests/integration/%.c,$(B)/tests/integration/%,$(wildcard tests/integration/*_tool.c))
SIM_O     := $(call objs,$(sort $(filter-out tests/sim/main.c tests/sim/sim_test.c,$(wildcard tests/sim/*.c))))
SIM_TEST  := $(B)/tests/sim/sim_test
FUZZ      := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))

all: bins
	@ln -sfn $(VARIANT)/bin build/bin

# Quiet by default; V=1 shows the commands.
Q := $(if $(V),,@)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(A_LIB): $(LIB_O)
$(A_BGPCTL): $(BGPCTL_O)
$(A_HEALTHD): $(HEALTHD_O)
$(A_RESOLVER): $(RESOLVER_O)
%.a:
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/bin/healthd: $(B)/healthd/main.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BRAIN)
$(B)/bin/healthd-brain: $(B)/healthd/brain_main.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BRAIN)
$(B)/bin/healthd-replay: $(B)/healthd/replay_main.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BGPCTL)
$(B)/bin/bgpctl: $(call objs,$(CLI_C)) $(A_BGPCTL) $(A_LIB)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BGPCTL)
$(B)/bin/resolver: $(B)/resolver/main.o $(A_RESOLVER) $(A_LIB)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_RESOLVER)

$(B)/tests/unit/% $(B)/tests/model/%: $(B)/tests/unit/%.o
$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(A_TEST)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_TEST) -lcmocka
$(MODEL): $(B)/tests/model/%: $(B)/tests/model/%.o $(A_TEST)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_TEST) -lcmocka

$(SIM_TEST): $(B)/tests/sim/sim_test.o $(SIM_O) $(A_TEST)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_TEST) -lcmocka

$(TOOLS): $(B)/tests/integration/%: $(B)/tests/integration/%.o $(A_TEST)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_TEST)

# The resolver with engines that die of certain names: its main() around the same archives.
$(B)/tests/integration/mortal_tool: LDFLAGS += -Wl,--wrap=ub_resolve_event $(B)/resolver/main.o
$(B)/tests/integration/mortal_tool: | $(B)/resolver/main.o
# The resolver with workers that stray when they are told to: likewise.
$(B)/tests/integration/stray_tool: LDFLAGS += -Wl,--wrap=recvmmsg $(B)/resolver/main.o
$(B)/tests/integration/stray_tool: | $(B)/resolver/main.o

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all bins check clean tools lab-tools install integration
.SECONDARY:

# What the integration tests drive, and with what; build/bin stays what it is.
bins: $(BINS)
tools: $(TOOLS)
# What a story puts in the place of an engine; lab/up has it made.
lab-tools: $(B)/tests/integration/mortal_tool
	@mkdir -p build/lab
	@ln -sfn ../../$< build/lab/mortal

# Unprivileged and done in seconds: the house's rules, unit and table tests, the model checks.
check: all $(UNIT) $(MODEL) $(SIM_TEST)
	@B=$(B) CC='$(CC)' tests/house/run
	@tests/check $(UNIT) $(MODEL) $(SIM_TEST)

# The integration tests, as root; TESTS="tests/integration/worker_test.py ..." some of them. SAN=1: of what
# is sanitised, where any report of any process is a failure.
integration:
	@CC='$(CC)' SAN='$(SAN)' tests/integration/run $(TESTS)

# How long faults take to move the route, and how soon what was restarted serves and what it still knows,
# as root, well over an hour; then cache hits per CPU second beside other resolvers (hits.json), what limits
# cost, the first minute after a start, what renewing costs upstream, and what a large fleet costs (fleetview.json).
# BENCH="--quick" for a look. Figures in build/bench/failover.json and restart.json; docs/figures.md says how they are measured.
bench:
	lab/setup build test bench
	$(MAKE) all
	@status=0; for bench in eviction density failover restart outage hits limits \
			firstminute renewals fleetview; do \
		tests/bench/$$bench $(BENCH) || status=1; done; exit $$status

decide-bench: $(B)/tests/bench/decide_bench
	@mkdir -p build/bench
	@ln -sfn ../../$< build/bench/decide_bench

$(B)/tests/bench/decide_bench: $(B)/tests/bench/decide_bench.o $(ARCHIVES)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BRAIN)

# What tests/bench/fleetview runs beside BIRD.
guard-bench: $(B)/tests/bench/guard_bench
	@mkdir -p build/bench
	@ln -sfn ../../$< build/bench/guard_bench

$(B)/tests/bench/guard_bench: $(B)/tests/bench/guard_bench.o $(ARCHIVES)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BRAIN)

# The simulator of a fleet; tests/sim/run runs many seeds of it.
sim: $(B)/tests/sim/sim
	@mkdir -p build/bench
	@ln -sfn ../../$< build/bench/sim

$(B)/tests/sim/sim: $(B)/tests/sim/main.o $(SIM_O) $(ARCHIVES)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_BRAIN)

# What a cache keeps by which policy, and what an entry costs in a shard: see tests/bench/eviction and
# tests/bench/density, which run these.
eviction-bench: $(B)/tests/bench/eviction_bench
	@mkdir -p build/bench
	@ln -sfn ../../$< build/bench/eviction_bench
density-bench: $(B)/tests/bench/density_bench
	@mkdir -p build/bench
	@ln -sfn ../../$< build/bench/density_bench

$(B)/tests/bench/eviction_bench $(B)/tests/bench/density_bench: $(B)/tests/bench/%: \
		$(B)/tests/bench/%.o $(call objs,$(wildcard tests/bench/policy_*.c) \
		tests/bench/trace.c) $(A_RESOLVER) $(A_LIB)
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIB_RESOLVER) -lm

# Where things go. A configuration in /etc/anypop that is there is never overwritten.
SBIN    := $(DESTDIR)$(PREFIX)/sbin
LIBEXEC := $(DESTDIR)$(PREFIX)/libexec/anypop
DATA    := $(DESTDIR)$(PREFIX)/share/doc/anypop
MAN     := $(DESTDIR)$(PREFIX)/share/man

install: all
	install -D -m 755 $(B)/bin/healthd $(SBIN)/healthd
	install -D -m 755 $(B)/bin/bgpctl $(SBIN)/bgpctl
	install -D -m 755 $(B)/bin/resolver $(SBIN)/resolver
	install -D -m 755 $(B)/bin/healthd-brain $(LIBEXEC)/healthd-brain
	install -D -m 755 $(B)/bin/healthd-replay $(LIBEXEC)/healthd-replay
	install -D -m 644 etc/healthd.conf $(DATA)/examples/healthd.conf
	install -D -m 644 etc/resolver.conf $(DATA)/examples/resolver.conf
	[ -e $(DESTDIR)$(SYSCONF)/anypop/healthd.conf ] || \
		install -D -m 640 etc/healthd.conf $(DESTDIR)$(SYSCONF)/anypop/healthd.conf
	[ -e $(DESTDIR)$(SYSCONF)/anypop/resolver.conf ] || \
		install -D -m 644 etc/resolver.conf $(DESTDIR)$(SYSCONF)/anypop/resolver.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in healthd.service anypop-anchor.service anypop-anchor.timer; do \
		sed 's,/usr/sbin/,$(PREFIX)/sbin/,g' systemd/$$unit \
			> $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; done
	install -D -m 644 systemd/anypop.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/anypop.conf
	install -D -m 644 systemd/anypop.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/anypop.conf
	for page in $(wildcard docs/man/*.[58]); do \
		install -D -m 644 $$page $(MAN)/man$${page##*.}/$${page##*/} || exit 1; done
	install -m 644 README.md NEWS.md LICENSE docs/*.md $(DATA)/
	@[ -n "$(DESTDIR)" ] || { systemd-sysusers && systemd-tmpfiles --create anypop.conf; }

clean:
	rm -rf build

# Each fuzzer for FUZZ_S seconds, from its corpus in tests/fuzz/corpus/NAME; what it finds stays in
# build/fuzz. FUZZ_SEED makes a run repeatable; without one each explores anew. One input may take
# FUZZ_HANG_S seconds, by the clock on the wall. libFuzzer is clang's.
FUZZ_S ?= 60
FUZZ_SEED ?= 0
FUZZ_HANG_S ?= 5
FUZZ_MAKE = $(MAKE) --no-print-directory CC=clang VARIANT=clang-fuzz SAN=1 \
	CFLAGS='-O1 -g -fsanitize=fuzzer-no-link'
fuzz:
	@$(FUZZ_MAKE) fuzz-all
# Made, and not run.
fuzzers:
	@$(FUZZ_MAKE) fuzzers-all

fuzz-all: $(FUZZ)
	@tests/fuzz/run $(FUZZ_S) $(FUZZ_SEED) $(FUZZ_HANG_S) $(FUZZ)
fuzzers-all: $(FUZZ)

$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(A_TEST)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIB_TEST)

# Tests that others wrote, or that others are: as root. docs/differential.md and docs/deckard.md are
# what they last found; DECKARD is a checkout of CZ.NIC's harness, which stays outside of this tree.
DIFFERENTIAL ?= --count 30000 --seed 1 --width 32
differential:
	lab/setup build test
	$(MAKE) all
	tests/differential/run $(DIFFERENTIAL) --page docs/differential.md

deckard:
	@[ -n "$(DECKARD)" ] || { echo "deckard: which? make deckard DECKARD=path" >&2; exit 2; }
	lab/setup build deckard
	$(MAKE) all
	tests/deckard/run $(DECKARD) --jobs 4

# clang-tidy over the rooms, or over TIDY="file.c ...".
TIDY ?= $(wildcard lib/*.c bgpctl/*.c healthd/*.c resolver/*.c)
tidy:
	@clang-tidy --quiet $(TIDY) -- $(filter-out -MMD -MP,$(CFLAGS))

# The echo and the clients of tests/bench/hits and its siblings; the distance of tests/bench/firstminute.
HITS := hits_echo hits_load distance
hits-tools: $(HITS:%=$(B)/tests/bench/%)
	@mkdir -p build/bench
	@for tool in $(HITS); do ln -sfn ../../$(B)/tests/bench/$$tool build/bench/$$tool; done

$(B)/tests/bench/hits_load: $(B)/tests/bench/hits_names.o
$(HITS:%=$(B)/tests/bench/%): $(B)/tests/bench/%: $(B)/tests/bench/%.o
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# Everything, as root: installs what it needs; the last line counts.
test:
	@tests/run

# Three PoPs, real BIRD, outages one after another; as root, about three minutes.
demo:
	lab/setup demo
	$(MAKE) all
	lab/demo

.PHONY: fuzz fuzz-all fuzzers fuzzers-all tidy test demo bench decide-bench guard-bench differential deckard hits-tools eviction-bench \
	density-bench sim
