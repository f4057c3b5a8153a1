# One line a job; `make` alone lists them. STACK chooses the stack, as in `make local STACK=pr-12`.
STACK ?= local
SHELL := bash
IN_VENV = { [ -f .venv/bin/activate ] || { echo 'There is no .venv yet. Fix: make setup'; exit 1; }; } && . .venv/bin/activate &&

# The tests that bring up nothing run in two processes; those that do, share what they bring up, one after the other.
UNIT = not docker and not engine and not browser

.DEFAULT_GOAL := help
.PHONY: help setup local cloud manage logs repair clean test test-unit test-setup check format lock

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## Installs what the local stack needs: .venv, Pulumi, plugins, Docker, images
	@python3 tools/setup local --stack "$(STACK)"

local: setup ## Brings the local stack up and says where the site is
	@$(IN_VENV) pulumi up --stack "$(STACK)" --yes --skip-preview --refresh \
		|| { echo 'A lock that a killed pulumi left, or half-made things? make repair'; exit 1; }
	@$(IN_VENV) python -m infra.local.ready "$(STACK)"

cloud: ## Deploys the stack `cloud` to AWS; docs/cloud.md says what it needs first
	@python3 tools/setup cloud
	@$(IN_VENV) pulumi up --stack cloud

manage: ## Runs a management command in the web container: make manage ARGS=createsuperuser
	@$(IN_VENV) python -m infra.local.manage "$(STACK)" $(ARGS)

logs: ## Shows what the web container prints, until Ctrl-C
	@$(IN_VENV) python -m infra.local.logs "$(STACK)"

repair: ## Mends what a killed `pulumi` left behind; then `make local`
	@$(IN_VENV) python -m infra.local.repair "$(STACK)"

clean: ## Removes this project's images; containers and data stay
	@$(IN_VENV) python -m infra.local.clean

test-setup:
	@python3 tools/setup test --stack "$(STACK)"

test: test-setup check ## Runs every test, after setting up what they need
	@$(IN_VENV) pytest --numprocesses 2 -m "$(UNIT)" && pytest -m "not ($(UNIT))"

test-unit: ## Runs the tests that need neither Docker nor Pulumi's engine
	@python3 tools/setup unit
	@$(IN_VENV) pytest --numprocesses 2 -m "$(UNIT)"

check: ## Lints, checks formatting and types
	@$(IN_VENV) ruff check . && ruff format --check . && mypy

format: ## Formats the code
	@$(IN_VENV) ruff format . && ruff check --fix .

lock: ## Pins all dependencies anew, with hashes
	@$(IN_VENV) tools/lock
