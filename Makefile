# `make` alone lists the targets. STACK chooses the stack, as in `make local STACK=pr-12`.
STACK ?= local
SHELL := bash
# Those of another project must not reach the Python of the tools.
unexport PYTHONHOME PYTHONPATH
IN_VENV = { [ -x .venv/bin/django-stack ] || { echo 'There is no .venv yet, or an older one. Fix: make setup'; exit 1; }; } && . .venv/bin/activate &&
# Pulumi's docker plugin and Docker's SDK know DOCKER_HOST, but no docker contexts.
WITH_ENGINE = engine=$$(python -m infra.endpoint) && eval "$$engine" &&

# The tests that need neither Docker nor Pulumi's engine.
UNIT = not docker and not pulumi and not browser

.DEFAULT_GOAL := help
# Set-up comes before what needs it, and two rounds of tests would disturb each other, also with `make -j`.
.NOTPARALLEL:
.PHONY: help setup local cloud rehearse rehearse-down manage logs repair clean test test-unit test-setup test-faults test-rehearsal test-joining cloud-acceptance fuzz mutants bench check format settings lock

##@ Every day

help: ## Lists the targets
	@awk -F ':.*## |##@ ' '/^##@ / {printf "\n%s\n", $$2} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## Installs what the local stack needs: .venv, Pulumi, plugins, Docker, images
	@python3 tools/setup local --stack "$(STACK)"

local: setup ## Brings the local stack up and says where the site is
	@$(IN_VENV) $(WITH_ENGINE) pulumi up --stack "$(STACK)" --yes --skip-preview --refresh \
		|| { echo 'The error above says what to do (first: source .venv/bin/activate). After a killed pulumi: make repair$(if $(filter-out local,$(STACK)), STACK=$(STACK))'; exit 1; }
	@$(IN_VENV) django-stack ready --stack "$(STACK)"

cloud: ## Deploys the stack `cloud` to AWS; docs/cloud.md says what that needs
	@python3 tools/setup cloud
	@$(IN_VENV) $(WITH_ENGINE) pulumi up --stack cloud

rehearse: ## Brings the cloud stack up on this machine, against an emulator of AWS, without an account
	@python3 tools/setup rehearse
	@$(IN_VENV) django-stack rehearse up

rehearse-down: ## Removes the rehearsal
	@$(IN_VENV) django-stack rehearse down

manage: ## Runs a management command in the web container: make manage ARGS=createsuperuser
	@$(IN_VENV) django-stack manage --stack "$(STACK)" -- $(ARGS)

logs: ## Shows and follows the web container's output, until Ctrl-C
	@$(IN_VENV) django-stack logs --follow --stack "$(STACK)"

##@ Tests

test-setup: ## Installs what the tests need, without running them
	@python3 tools/setup test --stack "$(STACK)"

test: test-setup check ## Runs every test but the slow ones; installs what they need
	@echo 'This leaves out the slow tests in tests/faults, tests/rehearsal and tests/joining; make test-faults test-rehearsal test-joining runs them.'
	@$(IN_VENV) $(WITH_ENGINE) pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder -m "not faults and not rehearsal and not joining"

test-unit: ## Runs the tests that need neither Docker nor Pulumi's engine (half a minute)
	@python3 tools/setup unit
	@$(IN_VENV) pytest --numprocesses 3 --dist loadscope -m "$(UNIT)" \
		--ignore=tests/e2e --ignore=tests/faults --ignore=tests/image

test-faults: test-setup ## Runs the tests that break things on purpose, also the slow ones (a quarter to half an hour)
	@$(IN_VENV) $(WITH_ENGINE) pytest --numprocesses 2 --dist worksteal tests/faults

test-rehearsal: test-setup ## Runs the tests of the cloud stack against an emulator of AWS, also the slow ones (half an hour)
	@$(IN_VENV) $(WITH_ENGINE) pytest tests/rehearsal

test-joining: test-setup ## Runs the tests that adopt projects of others and bring them up (five minutes)
	@$(IN_VENV) $(WITH_ENGINE) pytest -m joining tests/joining

cloud-acceptance: ## Brings a stack up on AWS, changes, breaks and destroys it, and writes a report (an hour, billed)
	@python3 tools/setup cloud
	@$(IN_VENV) $(WITH_ENGINE) python -m tools.acceptance $(ARGS)

fuzz: ## Fuzzes the parsers for longer than the tests do: make fuzz FUZZ_EXAMPLES=20000
	@python3 tools/setup unit
	@$(IN_VENV) FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-5000} pytest --numprocesses 2 --timeout 7200 tests/fuzz tests/app/gallery/test_fuzzing.py

mutants: ## Changes infra/ in random places and says what no unit test notices: make mutants MUTANTS=40 SEED=1
	@python3 tools/setup unit
	@$(IN_VENV) python -m tools.mutants --mutants $${MUTANTS:-40} --seed $${SEED:-1}

check: ## Checks style, formatting, types and the order of imports
	@$(IN_VENV) ruff check . && ruff format --check . && mypy && lint-imports
	@$(IN_VENV) cd app/contract && mypy
	@$(IN_VENV) cd tools/plugins && mypy && PYTHONPATH=src lint-imports

format: ## Formats the code
	@$(IN_VENV) ruff format . && ruff check --fix .

settings: ## Writes Pulumi.yaml's `config:` and docs/settings.md from the declarations in infra/
	@$(IN_VENV) python -m tools.settings_reference

##@ Maintenance

repair: ## Repairs what a killed `pulumi` left behind; then run `make local`
	@$(IN_VENV) $(WITH_ENGINE) django-stack repair --stack "$(STACK)"

clean: ## Removes the images of all of this project's stacks; containers and data stay
	@$(IN_VENV) django-stack clean

bench: test-setup ## Measures speed: beside docker-compose, beside other stacks, under load, rehearsed (a quarter of an hour)
	@python3 -m benchmarks.prepare
	@$(IN_VENV) $(WITH_ENGINE) python -m benchmarks $(ARGS)

lock: ## Updates the pinned versions and hashes of all dependencies
	@$(IN_VENV) tools/lock
