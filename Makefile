# Two commands do everything: `make demo` and `make test`. Each installs what it needs into the user's cache.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/attune
UV := $(CACHE)/tools/uv-$(UV_VERSION)/bin/uv
RUN := PYTHONPATH=tests $(UV) run --frozen
TESTBED := $(RUN) python -m testbed

.PHONY: help demo deploy bench chaos test test-full check format image cluster-up cluster-down services-up services-down generate docs docs-serve

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST) | { [ -t 1 ] && cat || sed 's/\x1b\[[0-9;]*m//g'; }

$(UV):
	@echo "Installing uv $(UV_VERSION) into $(@D)"
	@python3 -c 'import ensurepip' 2>/dev/null || { echo "Installing Debian's python3-venv"; \
		apt-get update -qq && apt-get install --yes -qq --no-install-recommends python3-venv; }
	@python3 -m venv $(@D)/.. && $(@D)/pip --quiet install uv==$(UV_VERSION)

.venv: $(UV) pyproject.toml executor/pyproject.toml operator/pyproject.toml uv.lock
	@$(UV) sync --frozen --quiet
	@touch .venv

demo: .venv ## The whole path on a real cluster: policies, bursts, scaling workers, a killed leader
	@$(TESTBED) demo

deploy: .venv ## A cluster with Attune on it, to look at and to try things on
	@$(TESTBED) deploy

bench: .venv ## How fast: Attune and five other systems, on this machine; BENCH="--size small --only a,b" for less
	@$(RUN) python -m bench $(BENCH)

chaos: .venv ## Ten minutes of SIGKILL for everything under load, then a check of every guarantee; CHAOS="--minutes 2" for less
	@$(RUN) python -m chaos $(CHAOS)

try: .venv ## The executor and two workers on this machine, without a cluster: a minute of real work, checked
	@$(TESTBED) try

test: .venv check ## Every test: unit, contract, integration, cluster; starts and stops all it needs
	@$(TESTBED) cluster prepare
	@$(TESTBED) image build
	@$(RUN) pytest

test-full: .venv ## The proofs that search, in full: hours rather than minutes
	@$(RUN) pytest --full --timeout=0 tests/unit tests/simulation tests/contract tests/integration

check: .venv ## Lint, formatting, types, import contracts
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) pyright
	@$(RUN) lint-imports

format: .venv ## Format and sort imports
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

generate: .venv ## Write what is made of code: CRDs, the reference pages, alerts, dashboard, and the Helm chart
	@$(RUN) python -m attune_operator.crds
	@$(RUN) python -m testbed.monitoring
	@$(RUN) python -m testbed.docs
	@$(RUN) python -m testbed.chart

docs: .venv ## Build the site of the documentation, every link checked, into build/site; it can be read from there
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet && echo "file://$(CURDIR)/build/site/index.html"

docs-serve: .venv ## Serve the site on this machine, built again whenever a page changes
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs serve

image: .venv ## Build the operator and worker images and load them into the running cluster
	@$(TESTBED) image load

cluster-up: .venv ## Start a cluster: a named kubeconfig, kind, or a local node
	@$(TESTBED) cluster up

cluster-down: .venv ## Take the cluster down without a trace
	@$(TESTBED) cluster down

services-up: .venv ## Start PostgreSQL and RabbitMQ on this machine, for development without a cluster
	@$(TESTBED) services up

services-down: .venv ## Stop them
	@$(TESTBED) services down
