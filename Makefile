# One line a job; `make` alone lists them. STACK chooses the stack, as in `make local STACK=pr-12`.
STACK ?= local
SHELL := bash
# Another project's must not leak into the tools' Python.
unexport PYTHONHOME PYTHONPATH
IN_VENV = { [ -x .venv/bin/django-stack ] || { echo 'There is no .venv yet, or an older one. Fix: make setup'; exit 1; }; } && . .venv/bin/activate &&
# For Pulumi's docker plugin, which knows DOCKER_HOST and no docker contexts.
WITH_ENGINE = engine=$$(python -m infra.endpoint) && eval "$$engine" &&

# What needs neither Docker nor Pulumi's engine.
UNIT = not docker and not pulumi and not browser

.DEFAULT_GOAL := help
.PHONY: help setup local cloud rehearse rehearse-down manage logs repair clean test test-unit test-setup test-faults test-rehearsal fuzz bench check format settings lock

##@ Every day

help: ## Lists the targets
	@awk -F ':.*## |##@ ' '/^##@ / {printf "\n%s\n", $$2} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## Installs what the local stack needs: .venv, Pulumi, plugins, Docker, images
	@python3 tools/setup local --stack "$(STACK)"

local: setup ## Brings the local stack up and says where the site is
	@$(IN_VENV) $(WITH_ENGINE) pulumi up --stack "$(STACK)" --yes --skip-preview --refresh \
		|| { echo 'What to do stands above (first: source .venv/bin/activate). After a killed pulumi: make repair'; exit 1; }
	@$(IN_VENV) django-stack ready --stack "$(STACK)"

cloud: ## Deploys the stack `cloud` to AWS; docs/cloud.md says what it needs first
	@python3 tools/setup cloud
	@$(IN_VENV) $(WITH_ENGINE) pulumi up --stack cloud

rehearse: ## Brings the cloud stack up on this machine, against an emulator of AWS, without an account
	@python3 tools/setup rehearse
	@$(IN_VENV) django-stack rehearse up

rehearse-down: ## Removes the rehearsal
	@$(IN_VENV) django-stack rehearse down

manage: ## Runs a management command in the web container: make manage ARGS=createsuperuser
	@$(IN_VENV) django-stack manage --stack "$(STACK)" -- $(ARGS)

logs: ## Shows what the web container prints, until Ctrl-C
	@$(IN_VENV) django-stack logs --stack "$(STACK)"

##@ Tests

test-setup:
	@python3 tools/setup test --stack "$(STACK)"

test: test-setup check ## Runs every test, after setting up what they need
	@echo 'The slow ones of tests/faults and tests/rehearsal are left out here: make test-faults test-rehearsal'
	@$(IN_VENV) pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder -m "not faults and not rehearsal"

test-unit: ## Runs the tests that need neither Docker nor Pulumi's engine
	@python3 tools/setup unit
	@$(IN_VENV) pytest --numprocesses 3 --dist loadscope -m "$(UNIT)" \
		--ignore=tests/e2e --ignore=tests/faults --ignore=tests/image

test-faults: test-setup ## Breaks what can break, one after the other; `make test` has the quick ones (ten minutes)
	@$(IN_VENV) pytest tests/faults

test-rehearsal: test-setup ## Rehearses what can happen to a cloud stack; `make test` has the quick ones (ten minutes)
	@$(IN_VENV) pytest tests/rehearsal

fuzz: ## Fuzzes what parses outside input for longer than the tests do: make fuzz FUZZ_EXAMPLES=20000
	@python3 tools/setup unit
	@$(IN_VENV) FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-5000} pytest --numprocesses 2 --timeout 7200 tests/fuzz tests/app/gallery/test_fuzzing.py

check: ## Lints, checks formatting, types and the order of imports
	@$(IN_VENV) ruff check . && ruff format --check . && mypy && lint-imports
	@$(IN_VENV) cd tools/plugins && mypy && PYTHONPATH=src lint-imports

format: ## Formats the code
	@$(IN_VENV) ruff format . && ruff check --fix .

settings: ## Writes Pulumi.yaml's `config:` and docs/settings.md from the settings' declarations
	@$(IN_VENV) python -m tools.settings_reference

##@ Maintenance

repair: ## Mends what a killed `pulumi` left behind; then `make local`
	@$(IN_VENV) $(WITH_ENGINE) django-stack repair --stack "$(STACK)"

clean: ## Removes the images of all of this project's stacks; containers and data stay
	@$(IN_VENV) django-stack clean

bench: test-setup ## Measures speed against docker-compose, with neighbours, under load, rehearsed (a quarter of an hour)
	@python3 -m benchmarks.prepare
	@$(IN_VENV) python -m benchmarks $(ARGS)

lock: ## Pins all dependencies anew, with hashes
	@$(IN_VENV) tools/lock
