# Everything works right after a clone: each target installs and builds what it needs.
.PHONY: help setup build demo test quick bench bench-quick bounds release portable growth simulate fuzz kills planted lint format clean install package installed

# For the closing lines: how long it took, installing and building included.
export ROLLCALL_BEGAN := $(shell date +%s)

packages := libsqlite3-dev libcurl4-openssl-dev libsimdjson-dev libssl-dev
# The scripts use these; the tests run servers of others from PyPI in virtual environments.
tools := curl openssl python3 python3-venv

help:
	@echo "make setup    install the Debian packages that are missing"
	@echo "make demo     the main job on the embedded sandbox, start to end"
	@echo "make test     all tests; FILTER=LeaverTests those of that name"
	@echo "make quick    units and rules"
	@echo "make build    rollcall and rollcall-sandbox, debug"
	@echo "make package  the Debian packages, in .build-package"
	@echo "make installed the package tried in bare Debian 12 and 13, and in a container; as root"
	@echo "make install  the release build under PREFIX, /usr/local unless it is said otherwise; DESTDIR goes before it"
	@echo "make bench    what nights cost beside the least that they can: writes the figures of docs/performance.md; BASE=COMMIT compares"
	@echo "make bounds   memory and processor of first syncs and plans against their bounds; a read of IDaaS"
	@echo "make growth   the ledger's work when a world doubles, counted in SQLite's steps, on each platform"
	@echo "make portable the release build runs where Swift is not installed"
	@echo "make simulate random worlds with faults, kills at every moment: SEEDS=1-20000 for more, SEEDS=7 replays one"
	@echo "make fuzz     answers whose numbers, lengths and dates are extreme: WORLDS=1-4000 turns more than a million, MINUTES=5 as many as there is time for"
	@echo "make kills    the built program killed at random moments over HTTP: ROUNDS=200 for more"
	@echo "make planted  bugs planted one after the other, and the seed with which the simulation finds each"
	@echo "make lint     layout and house rules"
	@echo "make format   let swift format lay out the sources"

setup:
	@sh .ci/setup $(packages) -- $(tools)

build: setup
	swift build --product rollcall
	swift build --product rollcall-sandbox

demo: build
	@bash jobs/demo/demo.sh

test: build
	@FILTER="$(FILTER)" bash .ci/test

quick: setup
	@bash .ci/test quick

# SIZES="5000/250/25000 …": users, groups and memberships.
bench: release
	$(if $(BASE),sh Benchmarks/compare $(BASE),Benchmarks/bench .build-release/release --page docs/performance.md)

bench-quick: release
	Benchmarks/bench .build-release/release --quick

bounds: release
	@python3 .ci/bench .build-release/release $(SIZES)

# SEEDS=1-20000 simulates as many worlds as one likes; a seed alone replays it. ROUNDS=200 kills the program as often.
SEEDS ?= 1-1000
ROUNDS ?= 20

simulate: setup
	@sh .ci/release rollcall-simulate
	.build-release/release/rollcall-simulate --seeds $(SEEDS) --exhaustive --throttled 1-5

# Answers whose numbers, lengths and dates are extreme: some 270 in each world.
WORLDS ?= 1-200

fuzz: setup
	@sh .ci/release rollcall-simulate
	$(if $(MINUTES),bash .ci/fuzz $(MINUTES),.build-release/release/rollcall-simulate --hostile --answers Tests/RollcallTests/Fixtures/answers --seeds $(WORLDS))

kills: release
	@.ci/kills .build-release/release $(ROUNDS)

# Some fifty bugs, one after the other, in a copy of the sources: the simulation must find each.
planted: setup
	@.ci/planted

release: setup
	@sh .ci/release rollcall rollcall-sandbox

PREFIX ?= /usr/local

install: release
	@sh .ci/setup patchelf
	bash deploy/package/stage "$(DESTDIR)" "$(PREFIX)" .build-release/release

package: release
	@sh .ci/setup patchelf xz-utils
	bash deploy/package/build .build-release/release .build-package

# The package in bare Debians, and the container: as root, since it makes roots of its own.
installed: package
	@sh .ci/setup lintian mmdebstrap gpg mount libdpkg-perl libdistro-info-perl zsh man-db prometheus buildah crun systemd
	bash .ci/installed .build-package
	bash .ci/container .build-package

# Each dimension of a world doubled, on each platform: what SQLite does for it may double.
growth: setup
	@sh .ci/release rollcall-simulate
	.build-release/release/rollcall-simulate --growth

# The built program, copied to a place where Swift's toolchain is hidden.
portable: release
	@bash .ci/portable .build-release/release/rollcall

lint:
	swift format lint --strict --recursive Package.swift Sources Tests
	@bash .ci/rules

format:
	swift format --in-place --recursive Package.swift Sources Tests

clean:
	rm -rf .build .build-release .build-foreign
