# Everything a person types. Each target sets up what it needs first; a second time that costs nothing.

# A clean environment for whatever runs below: no library calls home.
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RISKOMETER := .venv/bin/riskometer
PIP := .venv/bin/python -m pip -qq --disable-pip-version-check --no-input
# What is imported here is compiled at the end of the set-up: most of what is installed never is.
INSTALL := $(PIP) install --no-compile --constraint requirements/constraints.txt
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
TERRAFORM := terraform -chdir=infra/terraform
# What has to be there before Terraform is asked; what is missing is said with what to do about it.
HAS_TERRAFORM = command -v terraform >/dev/null || { echo 'Terraform 1.6 or newer is needed and was not found:' \
	'https://developer.hashicorp.com/terraform/install. Without a cloud account nothing is missing: make up' >&2; exit 1; }
HAS_STATE = test -n "$$STATE" || { echo 'Name the bucket that remembers what was made: make terraform-init STATE=name.' \
	'How to make that one: docs/cloud.md' >&2; exit 1; }
IS_READY = $(HAS_TERRAFORM); test -f infra/terraform/terraform.tfvars || { echo 'Say what to make:' \
	'cp infra/terraform/terraform.tfvars.example infra/terraform/terraform.tfvars, and name your project in it.' >&2; exit 1; }; \
	test -d infra/terraform/.terraform || { echo 'Do this first, once: make terraform-init STATE=name' >&2; exit 1; }

# What is typed after a target reaches the command as it was typed: neither make nor the shell reads anything into it.
override DATASET := $(value DATASET)
override SOURCE := $(value SOURCE)
override STATE := $(value STATE)
override TARGET := $(value TARGET)
override DAY := $(value DAY)
override TEST_FROM := $(value TEST_FROM)
override VERSION := $(value VERSION)
override WHY := $(value WHY)
override BY := $(value BY)
export DATASET SOURCE TARGET DAY STATE TEST_FROM VERSION WHY BY

.DEFAULT_GOAL := help
.PHONY: help setup model-train-flow evidently-report-flow batch-score-flow promote rollback up down test lint bench \
	docker-up docker-down terraform-init terraform-plan terraform-apply terraform-destroy constraints

help: ## Show this list
	@echo 'Usage: make TARGET [DATASET=name] [SOURCE=file-or-URI]'
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  %-24s%s\n", $$1, $$2}'

setup: .venv/.installed ## Make .venv and install the pinned dependencies (minutes, once)

model-train-flow: .venv/.installed ## Train; DATASET=simulated (default), a known name or a schema file; SOURCE=file or URI; TEST_FROM=first day to judge
	@$(RISKOMETER) train --dataset "$${DATASET:-simulated}" --source "$$SOURCE" \
		$(if $(TEST_FROM),--test-from "$$TEST_FROM")

evidently-report-flow: .venv/.installed ## Report on the applications scored since the last report
	@$(RISKOMETER) report --dataset "$$DATASET"

batch-score-flow: .venv/.installed ## Score a day's applications to a file; SOURCE=file or URI, TARGET=folder or gs://, DAY=2026-03-31
	@$(RISKOMETER) batch-score --dataset "$$DATASET" --source "$$SOURCE" --target "$$TARGET" \
		$(if $(DAY),--day "$$DAY")

promote: .venv/.installed ## Make the challenger champion; DATASET=name, VERSION=number, WHY='the reason', BY='who'
	@$(RISKOMETER) promote --dataset "$$DATASET" --version "$$VERSION" --why "$$WHY" --by "$$BY"

rollback: .venv/.installed ## Go back to the previous champion; once more, and the newer one is back
	@$(RISKOMETER) rollback --dataset "$$DATASET" --why "$$WHY" --by "$$BY"

up: .venv/.installed ## Start everything on this machine in the background and print the addresses
	@$(RISKOMETER) up

down: .venv/.installed ## Stop all that `make up` started
	@$(RISKOMETER) down

test: .venv/.installed-dev ## Run all tests
	@# Some machines forbid Python to keep its byte code: each of the hundreds of processes would compile all it imports.
	@# Three processes on two cores: many tests wait for servers and browsers that they start.
	@# Three processes share the cores: threads of theirs would only wait for each other.
	@env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: .venv/.installed-dev ## Check style, types and formatting
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy

bench: .venv/.installed ## Measure this home's champion: time and memory beside the least they could be
	@.venv/bin/python -m tests.bench

docker-up: .venv/.installed .env ## Build and start the full stack in containers
	@$(COMPOSE) up --build --detach
	@$(COMPOSE) ps

docker-down: .venv/.installed ## Stop the containers; what they stored stays in their volumes
	@$(COMPOSE) down

terraform-init: ## Prepare the cloud side, once (docs/cloud.md); STATE=bucket that remembers what was made
	@$(HAS_TERRAFORM)
	@$(HAS_STATE)
	@$(TERRAFORM) init -backend-config="bucket=$$STATE"

terraform-plan: ## Show what terraform-apply would change in the cloud
	@$(IS_READY)
	@$(TERRAFORM) plan

terraform-apply: ## Make the buckets and service accounts, or change them; asks first
	@$(IS_READY)
	@$(TERRAFORM) apply
	@echo 'For .env: $(TERRAFORM) output -raw env >> .env'

terraform-destroy: ## Remove them again; asks first, and keeps buckets that hold anything
	@$(IS_READY)
	@echo 'A bucket that holds anything stays, unless destroy_contents = true was applied before.'
	@$(TERRAFORM) destroy

constraints: .venv/.installed-dev ## Write down the versions installed now
	@{ head -1 requirements/constraints.txt; $(PIP) freeze --exclude-editable | sed 's/+cpu$$//'; } > .venv/constraints.txt
	@mv .venv/constraints.txt requirements/constraints.txt

# Passwords are made once for this machine and read by nobody else.
.env: | .venv/.installed
	@umask 077 && .venv/bin/python infra/new_env.py .env.example > .env.new && mv .env.new .env
	@echo 'Made .env with random passwords.'

.venv/.installed: pyproject.toml requirements/constraints.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed and was not found.' \
		'Install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@test -x .venv/bin/python || { echo 'Making a virtual environment in .venv ($(PYTHON)) ...' && $(PYTHON) -m venv .venv; } || \
		{ rm -rf .venv; echo 'On Debian and Ubuntu the module venv is a package of its own: apt install python3-venv' >&2; exit 1; }
	@echo 'Installing the pinned dependencies, about 2 GB on disk: a few minutes, this once ...'
	@$(INSTALL) --editable '.[archives,web,worker]'
	@.venv/bin/python -m riskometer.byte_code
	@.venv/bin/python -m creditrisk.learners
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo 'Installing what the tests and checks need: under a minute, this once ...'
	@$(INSTALL) --editable '.[dev]'
	@touch $@
