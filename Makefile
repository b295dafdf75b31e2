# Every command of the project; `make` alone prints them. Each sets up what it needs in .venv, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
# What a build is asked to do reaches it as environment, however strange a name may be; see pipeline/settings.py.
export ORDERS AS_OF MODEL WAREHOUSE MAX_REJECTED HISTORY_DAYS STRICT Q HOST PORT
export API_TOKENS API_TOKENS_FILE LOG_CUSTOMERS
export MODEL_PYTHON MODEL_MEMORY MODEL_TIMEOUT MODEL_MANIFESTS WORKERS HORIZON DISCOUNT_RATE

.DEFAULT_GOAL := help
.PHONY: help build train rollback serve docs sql register bench bench-api bench-score bench-history test test-slow test-faults lint format lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(VENV)/runtime ## order lines to predictions: [ORDERS=file] [AS_OF=YYYY-MM-DD] [MODEL=file] [WAREHOUSE=dir] [MAX_REJECTED=0.01] [HISTORY_DAYS=n] [STRICT=1]
	@$(BIN)/python -m pipeline build

train: $(VENV)/runtime ## a model made from the orders, tested and registered: [ORDERS=file] [AS_OF=YYYY-MM-DD] [HORIZON=180] [DISCOUNT_RATE=0.10] [MODEL=file to write]
	@$(BIN)/python -m pipeline train

rollback: $(VENV)/runtime ## publish the build before the current one again: [WAREHOUSE=dir]
	@$(BIN)/python -m pipeline rollback

serve: $(VENV)/runtime ## the API and page on a production server: [HOST=127.0.0.1] [PORT=5000] [WAREHOUSE=dir]
	@exec $(BIN)/python -m api

docs: $(VENV)/runtime ## dbt docs with lineage: [PORT=8080] [WAREHOUSE=dir]
	@exec $(BIN)/python -m pipeline docs

sql: $(VENV)/runtime ## a read-only SQL prompt on the published file, or one query: [Q="select …"] [WAREHOUSE=dir]
	@exec $(BIN)/python -m pipeline sql

register: $(VENV)/runtime ## state that a model may run, and by which Python: MODEL=file [MODEL_PYTHON=interpreter]
	@$(BIN)/python -m predictor register

bench: $(VENV)/dev ## speed and memory beside the alternatives: [LINES=640000] [JSON=file]
	@$(BIN)/python -m benchmarks.bench $(if $(filter command,$(firstword $(origin LINES))),--lines $(LINES)) $(if $(JSON),--json $(JSON))

bench-api: $(VENV)/dev ## the API under load, beside a constant answer and the 2018 server; needs wrk
	@$(BIN)/python -m benchmarks.bench_api

bench-score: $(VENV)/dev ## scoring in the worker beside model.predict in process
	@$(BIN)/python -m benchmarks.bench_score

bench-history: $(VENV)/dev ## what a long history adds to a build
	@$(BIN)/python -m benchmarks.bench_history

test: $(VENV)/dev ## the everyday tests
	@$(BIN)/python -m pytest

test-slow: $(VENV)/dev ## the tests that take longer
	@$(BIN)/python -m pytest -m slow

test-faults: $(VENV)/dev ## kills, full disks and double starts in full number; an hour
	@FAULTS=full $(BIN)/python -m pytest tests/pipeline/test_faults.py tests/pipeline/test_publish.py -s -m slow

lint: $(VENV)/dev ## Python's style and types, and dbt's own check of every model, test and description
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/dbt --quiet --warn-error parse --project-dir dbt_project

format: $(VENV)/dev ## rewrite Python in the project's style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: $(VENV)/dev ## compile the hashed pins anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## remove everything that the commands made, the warehouse and its history included
	rm -rf $(VENV) dbt_project/target dbt_project/logs logs .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find warehouse -mindepth 1 ! -name .gitignore -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime: requirements.txt
	@echo "Setting up $(VENV) (once; about a minute) …"
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}. Name one: make PYTHON=python3.12 …")'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/runtime
	@echo "Setting up the tools for tests and lint (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
