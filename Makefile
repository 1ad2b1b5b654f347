# What a newcomer and CI run. `make` alone lists it. Every command works in a fresh clone: .venv is made first where it is missing
# or older than the lock. Nothing here needs a server, a credential, or a network beyond the package index.

BIN := .venv/bin
# The Python to build .venv with; empty means: the first of the usual names that is new enough.
PYTHON :=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-postgres test-browser screenshots lint bench chaos lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed ## create or update .venv from requirements.lock

demo: .venv/.installed ## watch a dozen customers live through ninety days, in about a minute
	@$(BIN)/milepost demo

# Three processes for two cores: many tests wait for servers, timers and processes of their own. What failed beside the others
# runs once more, alone, and both runs are shown: a machine that stood still breaks a test that waited for it, and not twice; a
# fault of ours breaks it again, and the run.
PYTEST = $(BIN)/pytest -o cache_dir=.pytest_cache/$@
ONCE_MORE = status=$$?; [ $$status -eq 1 ] || exit $$status; \
  echo 'The failed ones once more, alone:'; $(PYTEST) --last-failed --last-failed-no-failures none

test: .venv/.installed ## check and test the shipped playbooks, then run all tests but those in a browser
	@$(BIN)/milepost check
	@$(BIN)/milepost test
	@$(PYTEST) -n 3 --dist worksteal --ignore tests/browser || { $(ONCE_MORE); }

# The tests that are given a database, on a PostgreSQL server that each process of the run starts. Those of the store run on both
# databases in every run.
test-postgres: export MILEPOST_TEST_DATABASE = postgres
test-postgres: .venv/.installed ## run the tests that touch a database on PostgreSQL
	@$(PYTEST) -n 3 --dist worksteal --ignore tests/store --ignore tests/browser || { $(ONCE_MORE); }

# Apart from the others, for these need a browser on the machine; where there is none, they say what to install.
test-browser: .venv/.installed ## drive the console's pages in Chromium
	@$(PYTEST) tests/browser || { $(ONCE_MORE); }

screenshots: .venv/.installed ## draw the console's pages anew into docs/screens, with Chromium
	@$(BIN)/python docs/screenshots.py

lint: .venv/.installed ## style, types, and which room may import which
	@failed=0; for check in 'ruff check .' 'ruff format --check .' mypy 'lint-imports --no-logo'; do \
	  $(BIN)/$$check || failed=1; \
	done; exit $$failed

bench: .venv/.installed ## measure against the budgets; writes bench/results.json
	@$(BIN)/python -m bench

chaos: .venv/.installed ## workers killed twenty times, while they send and while they move; providers that fail; Temporal away; a hundred customers foretold; every property on new examples
	@MILEPOST_TEST_CHAOS=full $(BIN)/pytest tests/temporal/test_kill.py tests/temporal/test_sending_chaos.py \
	  tests/temporal/test_outage.py tests/temporal/test_moving_killed.py tests/temporal/test_foreseen.py \
	  tests/intake/test_door_killed.py -s
	@MILEPOST_TEST_CHAOS=full $(BIN)/pytest -n 2 --dist worksteal -m hypothesis

# uv, and not pip-compile: it resolves for every supported Python and system at once, and reads no pip configuration, so that
# nothing of the machine it runs on gets into the file.
lock: .venv/.installed ## resolve pyproject.toml anew into requirements.lock
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-config --no-header --quiet --output-file requirements.lock

# The stamp is written last, so an install that was interrupted is taken up again. --no-compile: Python compiles what is imported
# when it is imported; to compile all of it beforehand would take a third of the time that a newcomer waits.
.venv/.installed: requirements.lock pyproject.toml
	@set -e; \
	fits='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	if ! $(BIN)/python -c "$$fits" 2>/dev/null; then \
	  chosen=; \
	  for python in $(or $(PYTHON),python3.11 python3 python3.12 python3.13); do \
	    if "$$python" -c "$$fits" 2>/dev/null; then chosen=$$python; break; fi; \
	  done; \
	  if [ -z "$$chosen" ]; then \
	    echo 'Milepost needs Python 3.11, 3.12 or 3.13 with its venv module, and found none$(if $(PYTHON), in $(PYTHON)).' >&2; \
	    echo 'Install one (on Debian: apt-get install python3 python3-venv), or name yours: make install PYTHON=...' >&2; \
	    exit 1; \
	  fi; \
	  "$$chosen" -m venv --clear .venv; \
	fi; \
	echo 'Installing what requirements.lock names into .venv, once; this takes a minute or two.' >&2; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . \
	  || { echo 'The packages could not be installed: see the lines above. Once the cause is gone, run the same again.' >&2; exit 1; }; \
	touch $@
