# `make` alone prints this list.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
STACK ?= dev
# Half of the start of every process here is compiling modules, where an environment forbids to keep what was compiled.
export PYTHONDONTWRITEBYTECODE =

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything into .venv (needs Python 3.11 or 3.12; PYTHON=/path names one)
	@requirements/setup.sh

demo: setup ## real events through the whole system, on this machine (PATTERN=saga, EVENTS=file.jsonl, TOGETHER=1, FRESH=1)
	@$(PY) -m local demo $(if $(EVENTS),--events "$(EVENTS)") $(if $(PATTERN),--pattern "$(PATTERN)") \
		$(if $(TOGETHER),--together) $(if $(FRESH),--fresh)

local: setup ## the whole system on this machine, until Ctrl-C
	@$(PY) -m local up

graph: setup ## what the Pulumi program makes, as a tree (STACK=dev)
	@$(PY) -m local graph --stack $(STACK)

test: setup ## all tests that take seconds
	@$(PY) -m pytest -m "not slow" -n auto

test-all: setup ## all tests, the long ones too
	@$(PY) -m pytest -n auto

mutants: setup ## apply named faults to a copy, one by one: each must be caught
	@$(PY) -m chaos mutants

kills: setup ## kill -9 the host or an emulator while messages are in flight, 20 seeds: nothing may be lost or done twice
	@$(PY) -m chaos kills

check: setup ## static: ruff, pyright strict, import contracts, shape and house rules, generated pages
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/basedpyright && .venv/bin/lint-imports && $(PY) -m pytest tests/architecture

fix: setup ## repair what ruff can repair, write the generated pages anew
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format . && $(PY) -m local fidelity && $(PY) -m policies --list > docs/policies.md && $(PY) -m infra.role_matrix > docs/roles.md

policy: setup ## check the resource graph against the policies, without cloud or CLI (STACK=dev)
	@$(PY) -m policies --stack $(STACK)

package: setup ## the zip of each service into dist/, tried on its own (STACK=dev: whose Python)
	@$(PY) -m infra.publishing --stack $(STACK)

requirements: setup ## resolve requirements/*.in anew (UPGRADE=1 for newer versions)
	@requirements/compile.sh

clean: ## remove what was made here: state, caches, .venv
	@rm -rf .local .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup demo local graph test test-all mutants kills check fix policy package requirements clean
