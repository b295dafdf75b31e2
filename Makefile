# Every command of the project; `make` alone prints them. Each sets up what it needs in .venv, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
.DEFAULT_GOAL := help

# What each command takes. A variable that was given on make's command line and that is not among them is refused: with
# a typing error, `make build` would otherwise publish other orders than those that were meant.
model := MODEL_PYTHON MODEL_MEMORY MODEL_TIMEOUT WORKERS MODEL_MANIFESTS
orders := ORDERS TABLE QUERY
delivery := DELIVER_TO SCHEMA TABLES
each_build := $(orders) MAPPING IGNORE MODEL WAREHOUSE MAX_REJECTED HISTORY_DAYS STRICT REQUIRE_BOX MEMORY $(delivery) $(model)
build.takes := $(each_build) AS_OF ENGINE SPARK_MASTER SPARK_REMOTE JSON
work.takes := $(each_build) SCHEDULE TZ ON_FAILURE ON_WARNING QUEUE KEEP_UPLOADS CONFIG CHECK
inspect.takes := $(orders) MAPPING IGNORE ENGINE SPARK_MASTER SPARK_REMOTE OUT JSON
train.takes := $(orders) MAPPING IGNORE AS_OF HORIZON DISCOUNT_RATE MODEL WAREHOUSE STRICT MEMORY ENGINE SPARK_MASTER SPARK_REMOTE JSON $(model)
serve.takes := HOST PORT WAREHOUSE API_TOKENS API_TOKENS_FILE UPLOAD_TOKENS UPLOAD_TOKENS_FILE UPLOADS UPLOAD_LIMIT QUEUE LOG_CUSTOMERS SAFE_CELLS CORS_ORIGINS
sql.takes := Q WAREHOUSE
docs.takes := PORT WAREHOUSE
deliver.takes := $(delivery) WAREHOUSE JSON
rollback.takes := WAREHOUSE
register.takes := MODEL $(model)
bench.takes := LINES JSON
bench-size.takes := LINES
goals := $(or $(MAKECMDGOALS),help)
given := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
known := PYTHON $(sort $(foreach goal,$(goals),$($(goal).takes)))
unknown := $(filter-out $(known),$(given))
ifneq ($(unknown),)
closest = import difflib, sys; print(*(f"; the nearest is {near}" for near in difflib.get_close_matches(sys.argv[1], sys.argv[2:], 1)))
odd := $(firstword $(unknown))
$(error make $(goals) has no variable $(odd)$(shell $(PYTHON) -c '$(closest)' '$(subst ','\'',$(odd))' $(known)). See what there is: make)
endif

# They reach the commands as environment, as they are: what looks like make's own language in one is only a name.
passed := $(sort $(foreach goal,$(goals),$($(goal).takes)))
$(foreach name,$(passed),$(eval override $(name) := $$(value $(name))))
export $(passed)
unexport $(addprefix CLV_,$(given)) # what is typed goes before what is set

asked_engine = $(if $(filter spark,$(ENGINE)),$(VENV)/spark)

##@ From orders to values
.PHONY: inspect build train serve work sql docs deliver rollback register
inspect: $(VENV)/runtime $(asked_engine) ## how a file of orders would be read, and what has to be decided
	@$(BIN)/python -m pipeline inspect

train: $(VENV)/train $(asked_engine) ## make a model from the orders, test it, register it
	@$(BIN)/python -m pipeline train

build: $(VENV)/runtime $(asked_engine) ## order lines to published predictions
	@$(BIN)/python -m pipeline build

serve: $(VENV)/runtime ## the API and the page, on a production server
	@exec $(BIN)/python -m api

work: $(VENV)/runtime ## the worker that builds what was uploaded to the API, and what is due
	@exec $(BIN)/python -m pipeline work

##@ What is published
sql: $(VENV)/sql ## a read-only SQL prompt, or one query
	@exec $(BIN)/python -m pipeline sql

docs: $(VENV)/runtime ## dbt's documentation with the lineage
	@exec $(BIN)/python -m pipeline docs

deliver: $(VENV)/runtime ## what is published, into a Postgres
	@$(BIN)/python -m pipeline deliver

rollback: $(VENV)/runtime ## publish the build before the current one again
	@$(BIN)/python -m pipeline rollback

register: $(VENV)/runtime ## state that a model may run, and by which Python
	@$(BIN)/python -m pipeline register

##@ How fast it is
.PHONY: bench bench-size bench-api bench-score bench-history
bench: $(VENV)/dev ## speed and memory beside the alternatives
	@$(BIN)/python -m benchmarks.bench $(if $(filter LINES,$(given)),--lines "$$LINES") $${JSON:+--json "$$JSON"}

bench-size: $(VENV)/dev ## 64 million lines in 4 GB, beside a script; half an hour
	@$(BIN)/python -m benchmarks.bench --shape many-customers --lines "$${LINES:-64000000}" --memory 4 --repeats 1 --floor-only

bench-api: $(VENV)/dev ## the API under load, beside a constant answer and the 2018 server; needs wrk
	@$(BIN)/python -m benchmarks.bench_api

bench-score: $(VENV)/dev ## scoring in the worker beside model.predict in process
	@$(BIN)/python -m benchmarks.bench_score

bench-history: $(VENV)/dev ## what a long history adds to a build
	@$(BIN)/python -m benchmarks.bench_history

##@ For those who change it
.PHONY: help test test-slow test-faults test-mutants lint format lock clean
help: ## print this list; `python -m pipeline <command> --help` explains the variables
	@awk -v takes='$(foreach each,$(filter %.takes,$(.VARIABLES)),$(each:.takes=) $($(each));)' ' \
		function flush() { if (line) shown[words[1]] = shown[words[1]] sprintf("%21s%s\n", "", line); line = "" } \
		BEGIN { for (i = split(takes, commands, /; */); i > 0; i--) { \
			n = split(commands[i], words, " "); \
			for (j = 2; j <= n; j++) { if (length(line words[j]) > 76) flush(); line = line " " words[j] "=" } \
			flush() } } \
		/^##@ / { print "\n" substr($$0, 5) } \
		/^[a-z-]+: .*## / { split($$0, part, /: .*## /); printf "  make %-14s %s\n%s", part[1], part[2], shown[part[1]] }' Makefile

test: $(VENV)/dev ## the everyday tests
	@# Neighbours run in one process as long as all have work: what a file of tests shares is made once.
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(VENV)/dev $(if $(shell command -v java),$(VENV)/spark) ## the tests that take longer
	@$(BIN)/python -m pytest -m slow -n auto --dist loadscope

test-faults: $(VENV)/dev $(if $(shell command -v java),$(VENV)/spark) ## kills, full disks and double starts in full number; an hour
	@FAULTS=full $(BIN)/python -m pytest tests/pipeline/test_faults.py tests/pipeline/test_publish.py tests/jobs/test_kills.py tests/jobs/test_crowd.py tests/delivery/test_under_fire.py tests/spark/test_kills.py -s -m slow

test-mutants: $(VENV)/dev ## mistakes put into the code: tests have to notice them; some hours
	@$(BIN)/python -m tests.mutants

lint: $(VENV)/dev ## Python's style and types, and dbt's own check of the project
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/dbt --quiet --warn-error parse --project-dir dbt_project

format: $(VENV)/dev ## rewrite Python in the project's style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

compile := $(BIN)/uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml
lock: $(VENV)/dev ## compile the hashed pins anew from pyproject.toml
	@$(compile) -o requirements.txt
	@for extra in train sql spark; do $(compile) --extra $$extra -c requirements.txt -o requirements-$$extra.txt || exit 1; done
	@$(compile) --extra dev --extra train --extra sql -c requirements.txt -c requirements-spark.txt -o requirements-dev.txt

clean: ## remove all that the commands made, with the warehouse and its history
	rm -rf $(VENV) dbt_project/target dbt_project/logs logs .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find warehouse -mindepth 1 ! -name .gitignore -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements$(1).txt

$(VENV)/runtime: requirements.txt
	@echo "Setting up $(VENV) (once): dbt, DuckDB, Arrow, NumPy, SciPy and the API; 165 MB to fetch, 0.6 GB on disk …"
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}. Name one: make PYTHON=python3.12 …")'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(call install) --no-compile
	@# Of all these packages only what the commands import is compiled: that is a third of it.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c 'import api.app, api.server, dbt.cli.main, dbt.adapters.duckdb.connections, pipeline.build, predictor.training.value_model'
	@touch $@

$(VENV)/train: fetched := scikit-learn and matplotlib; 35 MB to fetch, 170 MB on disk
$(VENV)/sql: fetched := DuckDB's own prompt; 20 MB to fetch, 60 MB on disk
$(VENV)/spark: fetched := Apache Spark, which needs Java 17; 430 MB to fetch, 0.5 GB on disk
$(VENV)/train $(VENV)/sql $(VENV)/spark: $(VENV)/%: requirements-%.txt $(VENV)/runtime
	@echo "Installing what $* needs (once): $(fetched) …"
	@$(call install,-$*)
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/runtime
	@echo "Setting up the tools for tests and lint (once) …"
	@$(call install,-dev)
	@touch $(VENV)/train $(VENV)/sql $@
