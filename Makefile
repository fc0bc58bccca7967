# Everything a newcomer types.  `make help` lists it.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
RUN := PATH=$(CURDIR)/$(VENV)/bin:$$PATH
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup lock check test test-peers test-peers-short test-slim test-drawn test-pythons test-cluster test-node soak fuzz demo dist bench clean
help:             ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

setup:            ## .venv with the locked Python packages, and the Debian packages that are missing
	@scripts/setup dev

lock:             ## resolve the Python packages again (writes requirements/*.lock)
	@scripts/lock

check: setup      ## ruff, mypy --strict, import contracts, the picture of the architecture
	$(VENV)/bin/ruff check src tests bench hatch_build.py
	$(VENV)/bin/ruff format --check src tests bench
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) scripts/draw_architecture --check

# A file's tests share what they start, and so a process.
BY_FILE := -rs -n 2 --dist loadfile --no-loadscope-reorder
test: setup       ## all tests; live ones where this machine can; says what it skipped and why
	$(VENV)/bin/pytest -m "not cluster and not peers and not programs" $(BY_FILE)

PEERS := scripts/setup dev && scripts/setup peers && $(VENV)/bin/pytest -rs -n 2 --dist load
test-peers:       ## images to and from podman, buildah, skopeo, crane, regctl, and distribution 3
	@$(PEERS) -m peers

test-peers-short: ## the same in a few minutes, without regctl
	@$(PEERS) -m "peers and not long"

test-slim: setup  ## fat and slim images of real programs, whose packages come from registries
	$(VENV)/bin/pytest -m programs $(BY_FILE) tests/slim tests/live

test-drawn: setup  ## 1,000 Dockerfiles drawn from a grammar, built with BuildKit, too (an hour)
	WHERRY_DRAWN=$${WHERRY_DRAWN:-1000} $(VENV)/bin/pytest -rs -n 2 -k drawn tests/differential

test-pythons: setup  ## the tests that need no mounts, on the Pythons of Debian 12, 13 and sid
	@scripts/test_pythons

CLUSTER := scripts/setup dev && scripts/setup cluster && $(VENV)/bin/pytest -rs
test-cluster:     ## against a real API server, and the nginx pod on a real node under traffic
	@$(CLUSTER) -m cluster

test-node:        ## only what needs the node
	@$(CLUSTER) -m node

MINUTES := 10
soak: setup       ## kills, crowds, damage, full disks and power cuts against the truth (MINUTES= SEED= ONLY=)
	$(PY) -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

fuzz: setup       ## MINUTES=n (10): all parsers of outside bytes, by coverage; keeps what it finds in tests/fuzz/found/
	@scripts/fuzz $(MINUTES)

demo:             ## the article's Go web server, four ways, served; then nginx that follows it
	@scripts/demo

dist: setup       ## dist/: wheel and sdist, checked, and installed in a bare container
	@scripts/dist
	$(VENV)/bin/pytest -q tests/live/test_install.py -rs

bench: setup      ## side by side with docker and BuildKit; writes bench/results/
	$(RUN) $(PY) -m bench

clean:            ## remove what the scripts made in this folder
	rm -rf $(VENV) .tools dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
