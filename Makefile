# Two commands do everything: `make demo` and `make test`. Each installs what it needs into the user's cache.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/attune
UV := $(CACHE)/tools/uv-$(UV_VERSION)/bin/uv
RUN := PYTHONPATH=tests $(UV) run --frozen
TESTBED := $(RUN) python -m testbed
fail = { echo "Error: $(strip $(1))" >&2; exit 1; }

.PHONY: help demo deploy bench chaos try test test-full check format image cluster-up cluster-down services-up services-down generate docs docs-serve

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST) | { [ -t 1 ] && cat || sed 's/\x1b\[[0-9;]*m//g'; }

# A command's own output is shown when it fails; a line before each long one says what goes on.
$(UV):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $(call fail,python3 has to be Python 3.11 or later. \
		On Debian 12: apt-get install python3; elsewhere: https://www.python.org/downloads)
	@python3 -c 'import ensurepip' 2>/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || $(call fail,python3 cannot make virtual environments. \
			On Debian: sudo apt-get install python3-venv); \
		echo "Installing Debian's python3-venv"; export DEBIAN_FRONTEND=noninteractive; \
		said=$$({ apt-get update && apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 python3-venv; } 2>&1) \
			|| { echo "$$said" >&2; $(call fail,apt-get could not install python3-venv; its reason is above); }; }
	@echo "Installing uv $(UV_VERSION) into $(@D)"
	@{ python3 -m venv $(@D)/.. && $(@D)/pip --quiet install uv==$(UV_VERSION); } || $(call fail,uv could not be installed. \
		Is the Python package index within reach? Behind a proxy or mirror: HTTPS_PROXY or PIP_INDEX_URL)

.venv: $(UV) pyproject.toml executor/pyproject.toml operator/pyproject.toml uv.lock
	@echo "Installing Python packages into .venv"
	@$(UV) sync --frozen --quiet || $(call fail,the Python packages could not be installed; uv's reason is above. \
		Behind a proxy or mirror: HTTPS_PROXY or UV_DEFAULT_INDEX)
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
	@$(TESTBED) tools
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
