# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything starts from a bare machine with Python 3.10 or newer (with venv), git and make. Name another Python with
# `make PYTHON=python3.13 env`; the environment keeps it from then on. All that is made lies in .venv/ and build/.

SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?=
BIN := .venv/bin
BUILD := $(CURDIR)/build
BOOTSTRAP := $(or $(PYTHON),$(wildcard $(BIN)/python),python3)
JOBS ?= 2
# The longest first.
CHECKS := pylint sanity galaxy ansible-lint docs code license-check extra-checks yaml

export ANSIBLE_COLLECTIONS_PATH := $(BUILD)/collections
export ANSIBLE_HOME := $(BUILD)/ansible
export HYPOTHESIS_STORAGE_DIRECTORY := $(BUILD)/hypothesis
export PATH := $(CURDIR)/$(BIN):$(PATH)
export XDG_CACHE_HOME := $(BUILD)/cache

.PHONY: help
help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: env
env: ## .venv/ with pinned requirements, and the live view of the collection in build/collections
	@$(BOOTSTRAP) scripts/env.py $(if $(PYTHON),--python $(PYTHON)) dev
	@$(BIN)/python scripts/live_view.py

.PHONY: env-lint
env-lint: env
	@$(BIN)/python scripts/env.py lint

.PHONY: env-kerberos
env-kerberos: env ## Kerberos for the tests, compiled against libkrb5-dev without optimising: a minute or two, once
	@CFLAGS=-O0 $(BIN)/python scripts/env.py kerberos

.PHONY: demo
demo: env ## A simulated fleet of broken hosts: diagnose, remediate, report
	@$(BIN)/python -m tests.demo

.PHONY: test
test: env ## Unit, conformance, integration and property tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -rs $(TESTS)

.PHONY: lint
lint: env-lint ## Every check that a release must pass
	@$(MAKE) --no-print-directory --jobs $(JOBS) --keep-going --output-sync=target $(addprefix check-,$(CHECKS))
	@echo "make lint: all checks passed"

check-%:
	@nox --session $*

.PHONY: matrix
matrix: env-lint ## Sanity, unit and integration tests with each supported ansible-core for which there is a Python
	@nox --session matrix

.PHONY: benchmark
benchmark: env ## What a fleet costs beside a peer, into build/benchmark.json and the documentation (20 minutes)
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.benchmark $(ARGS)

.PHONY: fuzz
fuzz: env ## Each reader of hosts' bytes against spoilt samples, for FUZZ_TIME seconds (10)
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.fuzz $(TARGETS)

.PHONY: cost
cost: env ## Operations and bytes of a whole remediation, for each breakage alone
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.cost

.PHONY: faults
faults: env ## A fault of every kind at every operation of every task, with the table of what passed
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.faults --jobs $(JOBS)

.PHONY: soak
soak: env ## 500 hosts, one in ten failing in a way of its own, and 50 rounds on one host
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.faults.soak

.PHONY: pages
pages: env ## The pages of the documentation that are made from tables
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m scripts.reference_pages

.PHONY: matrix-of-causes
matrix-of-causes: env ## Every pair of causes on simulated hosts, and the page with the confusion matrix
	@WINFLEET_PAIRS_SEED=all $(BIN)/python -m pytest -n $(JOBS) -q tests/unit/plugins/plugin_utils/_diagnosis/test_pairs.py
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m tests.confusion_matrix

.PHONY: picture
picture: env ## The picture of the report's page in the documentation
	@PYTHONPATH=$(BUILD)/collections $(BIN)/python -m scripts.report_picture

.PHONY: requirements
requirements: ## Pin the newest releases of all that requirements/*.in asks for
	@PYTHON=$(BOOTSTRAP) scripts/compile-requirements

.PHONY: clean
clean: ## Remove all that was made
	rm -rf .venv build
