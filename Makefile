# Every target works in the environment of $(PYTHON); `make venv` makes one in .venv.
PYTHON ?= $(shell [ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)

.PHONY: venv run test core alone others soak lint types bench bench-ledger bench-pages bench-audit check schemas families published lock

venv: .venv/bin/defib-coverage

.venv/bin/defib-coverage: pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

PORT ?= 8000

run: venv
	.venv/bin/python docs/samples/try.py $(PORT)

# First the core's tests, measured. Then those that need the machine for themselves: they kill
# servers, count seconds, press many at a time. Then all others, a process for each processor.
CORE = $(wildcard tests/test_core_*.py tests/test_properties_c*.py) \
  $(addprefix tests/test_,$(addsuffix .py,vignettes time_coverage payers overlay))
ALONE = $(addprefix tests/test_,$(addsuffix .py,edge_load fhir_hostile ledger_kills \
  protocol_parallel running))

test: core alone others

core:
	$(PYTHON) -m coverage run -m pytest $(CORE)
	$(PYTHON) -m coverage report --include='*/defib_coverage/coverage/*' --fail-under=100 --skip-covered

alone:
	$(PYTHON) -m pytest $(ALONE)

others:
	$(PYTHON) -m pytest -n auto --dist loadfile $(filter-out $(CORE) $(ALONE),$(wildcard tests/test_*.py))

# Random inputs for as long as it takes, in two processes; another SEED gives other inputs. Then the
# service is killed under load, as often on each database.
INPUTS ?= 200000
SEED ?= 1
KILLS ?= 20

soak:
	@for half in 1 2; do \
	  SOAK_INPUTS=$$(($(INPUTS) / 2)) SOAK_SEED=$(SEED)$$half \
	    $(PYTHON) -m pytest -p no:cacheprovider -q -s tests/test_hostile_fuzz.py tests/test_trust_fuzz.py & \
	  pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || failed=1; done; exit $${failed:-0}
	KILLS=$(KILLS) $(PYTHON) -m pytest -p no:cacheprovider -q tests/test_ledger_kills.py

BIN = $(dir $(shell $(PYTHON) -c 'import sys; print(sys.executable)'))

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(BIN)hadolint Dockerfile
	$(BIN)yamllint --strict --config-file deploy/yamllint.yaml deploy
	$(BIN)check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)kubernetes-validate --strict deploy/kubernetes/*.yaml

types:
	$(PYTHON) -m mypy

schemas:
	$(PYTHON) -m defib_coverage policy schema policy > policies/policy.schema.json
	$(PYTHON) -m defib_coverage policy schema valueset > valuesets/valueset.schema.json
	$(PYTHON) -m defib_coverage policy schema cards > cards/cards.schema.json

# The codes behind our patterns, with their titles, from the code tables.
families:
	$(PYTHON) tests/code_tables.py

# The versions of what is published; one that is known already cannot change.
published:
	$(PYTHON) tests/published_versions.py

# The packages of the container, each with its digests.
LOCK = $(PYTHON) -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
  --no-annotate --no-emit-index-url --custom-compile-command 'make lock' $(LOCK_OPTIONS)

lock:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(LOCK) pyproject.toml --extra postgres --extra otel --output-file deploy/requirements.lock
	$(LOCK) deploy/build.in --output-file deploy/build.lock

bench:
	$(PYTHON) bench/run.py

# Over a million decisions, in a file that is deleted afterwards: 5 GB and some six minutes.
bench-ledger:
	$(PYTHON) bench/ledger_books.py

# How soon /try shows the cards of a large chart, in Chromium.
bench-pages:
	$(PYTHON) bench/pages.py

# Audits of generated exports of up to 200,000 patients: 16 GB of temporary files, some eight minutes.
bench-audit:
	$(PYTHON) bench/audit.py

# Types and the core's tests use one processor each.
check: lint
	$(MAKE) --jobs=2 types core
	$(MAKE) alone others
	$(PYTHON) -m defib_coverage policy check
