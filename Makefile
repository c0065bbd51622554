# make run    everything, once: set-up, the main job, a table of what happened
# make ui     the same servers, kept up; prints their addresses
# make test   all tests, file by file on TEST_WORKERS=2 processes; PYTEST_OPTIONS="…" adds options
# make lint   ruff, mypy, import-linter
# make bench  benchmarks, written to docs/benchmarks.md
# make mutants  faults put into the modules of our promises, the share noticed written to docs/mutants.md
# make env    secrets for docker-compose.yml      make lock    renew the locked requirements
# make clean  delete what runs have made (.nightloop)

PYTHON_ENV := .venv/bin/python
TEST_WORKERS ?= 2
export PYTHONPATH := $(CURDIR)
unexport PYTHONDONTWRITEBYTECODE # a night is some dozens of processes: what one has compiled, the next need not

.PHONY: run ui test lint format mutants bench env lock clean setup setup-tests schema screenshots

run: setup
	@$(PYTHON_ENV) -m jobs loop

ui: setup
	@$(PYTHON_ENV) -m jobs ui

test: setup-tests
	@$(PYTHON_ENV) -m pytest -q --numprocesses $(TEST_WORKERS) --dist loadfile $(PYTEST_OPTIONS)

lint: setup-tests
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy nightloop jobs serving
	@.venv/bin/lint-imports --no-cache

format: setup-tests
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

mutants: setup-tests
	@$(PYTHON_ENV) -m tests.mutants

bench: setup-tests
	@$(PYTHON_ENV) -m tests.benchmarks

env:
	@python3 deploy/make_env.py

schema: setup
	@$(PYTHON_ENV) -m nightloop.definitions.structure > feature_defs/schema.json

screenshots: setup-tests
	@$(PYTHON_ENV) docs/screenshots.py

# The two versions of nvidia-nccl are left out: xgboost asks for them, only a GPU can use them.
lock: setup
	@set -e; uv=$$(command -v uv || echo .venv/uv/bin/uv); for name in requirements requirements-serving requirements-dev; do \
	  $$uv pip compile --quiet --universal --python-version 3.11 --override requirements-overrides.txt --no-header $$name.in -o $$name.txt; done

clean:
	@rm -rf .nightloop

setup:
	@deploy/setup.sh

setup-tests:
	@deploy/setup.sh --tests
