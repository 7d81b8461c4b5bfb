# Verbs of the house. `make help` lists them; each one installs what it needs first (scripts/setup).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Debian's own compilers come first: a Swift tool chain on PATH brings another clang along.
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)
# Asked once, when a recipe first needs it.
SWIFT ?= $(eval SWIFT := $(shell scripts/swift-path))$(SWIFT)

PREFIX ?= /usr/local
CYCLES ?= 100000
KILLS ?= 10000
FIXES ?= 100
SEED ?= 1
CUTS ?= 100
# Where the bootable system is made and kept.
MACHINE ?= $(CURDIR)/.build/machine
SECONDS_EACH ?= 60
# Relative relocations in a few words instead of a megabyte, and the C++ library of Swift's runtime linked in: both
# make the command start sooner and take less memory. scripts/link holds the linker script that chooses the archive.
RELEASE = --static-swift-stdlib -Xswiftc -use-ld=bfd -Xlinker -z -Xlinker pack-relative-relocs \
    -Xlinker -L$(CURDIR)/scripts/link -Xlinker --no-warnings
# debug: the samples below run what the tests were built with. CI does, since building twice takes it five minutes.
CONFIGURATION ?= release
# The rooms that do the tests' work are optimised in debug builds, too; see Package.swift.
export TSUGITE_OPTIMISED_TESTS ?= 1
TSUGITE := $(CURDIR)/.build/$(CONFIGURATION)/tsugite
# Run by tsugite for the verbs that need a network; installed where nobody's PATH looks.
TSUGITE_CHANNEL := $(TSUGITE)-channel
# What is measured is what users run: a linker's output takes longer to start than its copy.
INSTALLED := $(CURDIR)/.build/installed
SWIFT_FILES = Package.swift Sources Tests Fuzz Benchmarks/Comparing

## Building

.PHONY: setup
setup: ## install every Debian package that any verb needs
	@scripts/setup

.PHONY: build
build: ## build the release commands, .build/release/tsugite and those beside it (CONFIGURATION=debug for the others)
	@scripts/setup build
	$(SWIFT) build -c $(CONFIGURATION) $(if $(filter release,$(CONFIGURATION)),$(RELEASE))

.PHONY: install
install: build ## copy the command and its units to $(PREFIX), its network part to libexec (DESTDIR is honoured)
	install -D -m 0755 -s $(TSUGITE) $(DESTDIR)$(PREFIX)/bin/tsugite
	install -D -m 0644 Sources/PatchBuilder/Hooks/tsugite-patch.h $(DESTDIR)$(PREFIX)/include/tsugite-patch.h
	install -D -m 0755 -s $(TSUGITE_CHANNEL) $(DESTDIR)$(PREFIX)/libexec/tsugite/tsugite-channel
	install -D -m 0755 -s $(TSUGITE)d $(DESTDIR)$(PREFIX)/bin/tsugited
	for unit in packaging/systemd/* packaging/tsugited/*.service; do \
	    sed 's#/usr/bin/tsugite#$(PREFIX)/bin/tsugite#' "$$unit" \
	        | install -D -m 0644 /dev/stdin "$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}"; done

.PHONY: uninstall
uninstall: ## remove what install copied
	rm -f $(DESTDIR)$(PREFIX)/bin/tsugite{,d} $(DESTDIR)$(PREFIX)/include/tsugite-patch.h \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/tsugite{-*,d.service}
	rm -rf $(DESTDIR)$(PREFIX)/libexec/tsugite

.PHONY: dist
dist: build ## pack the stripped command and its documents into dist/
	scripts/dist $(TSUGITE) $(TSUGITE_CHANNEL)

.PHONY: deb
deb: ## make the Debian packages, dist/*.deb
	@$(MAKE) -s build
	scripts/deb $(TSUGITE)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf .build .build-* dist Benchmarks/*/.build Benchmarks/results
	$(MAKE) -s -C Examples/hello clean

## Checking

.PHONY: test
test: ## run every test, whole-system tests included (root sees more of them)
	@scripts/setup build test
	$(SWIFT) test

.PHONY: test-real
test-real: ## patch the distribution's own programs under load: nginx, PostgreSQL, OpenSSH, glibc, ...
	@scripts/setup build test real
	TSUGITE_REAL=1 $(SWIFT) test --filter RealProgramTests

.PHONY: lint
lint: ## check the layout with the configuration that fmt uses
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)

	scripts/findings-doc --check

.PHONY: fmt
fmt: ## lay out all Swift files
	$(SWIFT) format format --in-place --parallel --recursive $(SWIFT_FILES)

.PHONY: docs
docs: ## make docs/findings.md from the table of codes
	scripts/findings-doc

.PHONY: test-kernel
test-kernel: ## build live patches for Debian's own kernel and run them in it, under emulation (four minutes)
	@scripts/setup build kernel
	@$(MAKE) -s build
	@Tests/Kernel/test-kernel $(TSUGITE) || [ $$? -eq 77 ]

.PHONY: kernel-sample
kernel-sample: ## the part of test-kernel that every change must pass (a minute)
	@scripts/setup build kernel
	@$(MAKE) -s build
	@Tests/Kernel/test-kernel $(TSUGITE) sample || [ $$? -eq 77 ]

.PHONY: corpus-kernel
corpus-kernel: ## build fixes between two Debian kernels for the older one and load them into it (FIXES=n, SEED=n, WRITE=--write)
	@scripts/setup build kernel
	@$(MAKE) -s build
	@Tests/Kernel/corpus $(TSUGITE) $(FIXES) $(SEED) $(WRITE)

.PHONY: test-deb
test-deb: ## install, use, upgrade, remove and purge the packages in a clean Debian root (needs root and a mirror)
	@scripts/setup build machine
	@$(MAKE) -s build
	Tests/Machine/test-deb $(TSUGITE) $(MACHINE)

.PHONY: test-machine
test-machine: ## boot a machine and cut its power while it installs, 100 times (CUTS=n for another number)
	@scripts/setup build machine
	@$(MAKE) -s build
	Tests/Machine/image $(TSUGITE) $(MACHINE)
	Tests/Machine/power-cut $(MACHINE) $(CUTS)

.PHONY: check-operate
check-operate: ## run the commands of docs/operate.md on a publisher, a mirror and ten clients (needs root)
	@scripts/setup build test machine
	@$(MAKE) -s build
	@QUICK=1 scripts/deb $(TSUGITE)
	Tests/Machine/operate dist

.PHONY: bench-kernel
bench-kernel: ## measure reading an image, building, proving and applying a kernel patch against their limits
	@scripts/setup build kernel
	@$(MAKE) -s build
	@Tests/Kernel/bench $(TSUGITE)

.PHONY: check-readme
check-readme: build ## run the commands that README.md shows
	scripts/check-readme $(TSUGITE)

## Showing and measuring

.PHONY: demo
demo: ## fix a real hole in a real nginx under load; then a machine through a channel, and cut its power
	@scripts/setup build demo machine
	@$(MAKE) -s build
	@Examples/demo/demo $(TSUGITE)
	@Tests/Machine/image $(TSUGITE) $(MACHINE)
	@Examples/demo/power-cut $(TSUGITE) $(MACHINE)

.PHONY: demo-doctor
demo-doctor: ## bring about the five classic reasons why nothing changed, and ask doctor
	@scripts/setup build demo
	@$(MAKE) -s build
	@Examples/doctor/demo $(TSUGITE)

.PHONY: bench
bench: ## measure pause, wall time, memory and throughput against their limits
	@scripts/setup build bench
	@$(MAKE) -s install DESTDIR=$(INSTALLED) PREFIX=
	@Benchmarks/bench $(INSTALLED)/bin/tsugite

.PHONY: bench-channel
bench-channel: ## measure channels, clients and mirrors with 10,000 updates against their limits
	@scripts/setup build bench
	@$(MAKE) -s build
	@Benchmarks/channel $(TSUGITE)

.PHONY: corpus
corpus: ## build, apply and undo 64 real security fixes of Debian packages (hours the first time; resumes), table in docs/
	@scripts/setup build corpus
	@$(MAKE) -s build
	Tests/Corpus/run $(TSUGITE) $(CORPUS)
	Tests/Corpus/report > docs/corpus.md

.PHONY: corpus-sample
corpus-sample: ## the same for the fixes of two small packages, effects and own tests included
	@scripts/setup build corpus
	@$(MAKE) -s build
	@mkdir -p .build/corpus
	Tests/Corpus/inputs $(TSUGITE)
	Tests/Corpus/run $(TSUGITE) --packages less,libtasn1-6 --again --results .build/corpus/sample.tsv
	Tests/Corpus/report --check .build/corpus/sample.tsv

.PHONY: clean-root
clean-root: ## make one patch on this machine and in a throw-away root, and compare the bytes (needs root)
	@scripts/setup build corpus machine
	@$(MAKE) -s build
	Tests/Corpus/clean-root $(TSUGITE)

.PHONY: warm
warm: ## how long a one-file fix takes with the package in the cache, beside its limit of 5 s plus twice its compile
	@scripts/setup build corpus
	@$(MAKE) -s build
	Tests/Corpus/warm $(TSUGITE)

.PHONY: soak
soak: ## apply and undo 100,000 times against a loaded server (CYCLES=n for another number)
	@scripts/setup build test soak
	TSUGITE_SOAK_CYCLES=$(CYCLES) $(SWIFT) test --filter Soak

.PHONY: kill
kill: ## kill the patcher 10,000 times at random instants (KILLS=n for another number)
	@scripts/setup build test
	TSUGITE_KILLS=$(KILLS) $(SWIFT) test --filter Kill

.PHONY: fuzz
fuzz: ## throw mutated files at each parser of outside data, a minute each (SECONDS_EACH=n)
	@scripts/setup build
	@$(MAKE) -s build
	@for parser in $(notdir $(patsubst %/,%,$(wildcard Fuzz/*/))); do \
	    SWIFT=$(SWIFT) Fuzz/run "$$parser" $(SECONDS_EACH) || exit $$?; done

.PHONY: help
help: ## list the verbs
	@awk -f scripts/help.awk $(firstword $(MAKEFILE_LIST))
