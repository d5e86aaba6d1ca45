# Auth0-ATA. `make up` runs everything, `make test` tests everything; both work from a clean clone.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python

.PHONY: help up prepare test contract bench lint types machines check structure reset tamper-demo install install-dev torture attacks elsewhere gateways longer sequences

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: ## make .venv with exactly pinned packages
	@sh scripts/install.sh requirements.txt

install-dev: ## the same, with what tests and linters need
	@sh scripts/install.sh requirements-dev.txt

up: install ## set up and run everything; Ctrl-C stops it, data stays in var/
	@sh scripts/space.sh "$${VAR_DIR:-$(CURDIR)}" 50 "make up"
	@$(PY) -m scripts.up

prepare: install ## make the first start without running anything, so that `make up` opens at once
	@$(PY) -m scripts.up --prepare

test: install-dev ## set up and pass all tests
	@sh scripts/test.sh

check: install-dev ## lint, types and the tests nearest to what changed, in a minute and a half
	@sh scripts/check.sh

lint: install-dev ## ruff, unused code, templates, import contracts
	@sh scripts/lint.sh

contract: install-dev ## hold the running server to its OpenAPI document, as everybody
	@$(PY) -m tests.contract.running

types: install-dev ## mypy --strict
	@$(PY) -m mypy .

structure: install-dev ## print the measures of the structure, and what exceeds them
	@$(PY) -m scripts.structure

machines: ## try both commands as a plain user, without Chromium, in a path with spaces, two at once
	@bash scripts/machines.sh

bench: ## measure at volume against named baselines (benchmarks/README.md); long the first time
	@sh scripts/install.sh requirements-bench.txt
	@$(PY) -m benchmarks.run

reset: ## delete var/ (all data of the embedded mode)
	@sh scripts/reset.sh

tamper-demo: install ## edit one row in a copy of the database and watch verification turn red
	@$(PY) manage.py tamper_demo

torture: install-dev ## kill anything at 300 seeded instants (SEED=7 INSTANTS=20 PART=outposts ENGINE=sqlite DATA=folder)
	@$(PY) -m torture --instants $(or $(INSTANTS),300) $(if $(SEED),--seed $(SEED)) \
	  $(if $(PART),--part $(PART)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(DATA),--data "$(DATA)")

gateways: install-dev ## replay what gateways did at stand-ins, and real ones (DEFENSECLAW_REAL=folder)
	@$(PY) -m tests.gateways --write

elsewhere: install-dev ## the flows of connections against another Auth0-shaped provider that fails
	@$(PY) -m pytest tests/elsewhere

attacks: install-dev ## 10,000 random attempts at the step-up, 10,000 honest checkpoints (MANY=500)
	@$(PY) -m benchmarks.deciding.random_bypass_attempts $(or $(MANY),10000) $(or $(FIRST),0)
	@CHECKPOINTS=$(or $(MANY),10000) $(PY) -m pytest -q tests/attacks/ledger/test_honest_logs_raise_no_alarm.py

longer: install-dev ## the tests that compare times, with nothing else running
	@$(PY) -m pytest -m longer $$(grep -rl "mark.longer" tests --include="test_*.py" --exclude-dir=sequences)

sequences: export SEQUENCES := $(or $(SEQUENCES),500)
sequences: export SEQUENCES_SEED := $(or $(SEQUENCES_SEED),1)
# A defect that is put back is found by what a decision does, so one engine is enough for these.
sequences: install-dev ## random decisions, on both engines in parallel (SEQUENCES=500 SEQUENCES_SEED=1)
	@$(PY) -m scripts.on_postgres $(PY) -m pytest -q -s -m "not longer" tests/sequences & other=$$!; \
	  $(PY) -m pytest -q -s tests/sequences; failed=$$?; \
	  wait $$other && exit $$failed
