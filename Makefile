# SPDX-License-Identifier: Apache-2.0
# Every target sets up what it needs. Longer logic is in hack/.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
BENCH := benchmarks/*.py
.DEFAULT_GOAL := help
.PHONY: help setup programs decoders test test-unit test-integration nightly demo up down status verify pins generate chart bench clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Virtual environment with the pinned packages and this one

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m hack.python
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

programs: setup ## Control plane, Helm and collector: built once for this machine
	@$(PY) -m hack.build

decoders: setup ## Debian's ffmpeg and exiftool, with which tests read labelled files
	@$(PY) -m hack.packages ffmpeg libimage-exiftool-perl libarchive-zip-perl

test: programs decoders ## Every test; ARGS="-k word" chooses some
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-unit: setup decoders ## The tests that need no cluster
	$(PY) -m pytest -m "not integration" $(ARGS)

test-integration: programs decoders ## The tests on the real control plane
	$(PY) -m pytest -m integration $(ARGS)

nightly: programs ## A million leak cases, 100,000 inputs to each law of check, long stories of chaos; an hour
	GENAI_NIGHTLY=1 GENAI_FUZZ_EXAMPLES=100000 $(PY) -m pytest tests/properties tests/integration/test_guard_fuzz.py tests/integration/test_operator_chaos.py -n auto --timeout 0 $(ARGS)

demo: setup ## The main job, told step by step on a real API server
	@$(PY) -m hack.demo $(ARGS)

up: programs ## Control plane and operator in the background; kubeconfig in .run/
	@$(PY) -m hack.up up

status: setup ## What `make up` started
	@$(PY) -m hack.up status

down: setup ## End what `make up` started
	@$(PY) -m hack.up down

verify: setup ## Format, lint, types, import arrows, generated files
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy -p hack
	$(VENV)/bin/lint-imports
	$(PY) -m hack.generate --check
	$(PY) -m hack.chart --check

pins: setup ## Choose versions anew within pyproject.toml and record their hashes
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --extra media --upgrade \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file constraints.txt

generate: setup ## Write the generated files anew
	$(PY) -m hack.generate
	$(PY) -m hack.chart

chart: programs ## Check the Helm chart and pack it into dist/
	$(PY) -m hack.chart
	$$($(PY) -m hack.build)/helm lint charts/genaiservice-operator
	$$($(PY) -m hack.build)/helm package charts/genaiservice-operator --destination dist

bench: programs decoders ## Numbers beside their targets; BENCH="benchmarks/guard_*.py" chooses some
	$(PY) -m hack.packages nginx
	@begun=$$(date +%s); failed=; for script in $(BENCH); do \
	  echo "== $$script ($$(( $$(date +%s) - begun )) s)"; \
	  PYTHONPATH=. $(PY) $$script || failed="$$failed $$script"; \
	done; PYTHONPATH=. $(PY) -m benchmarks.rig.summary --since $$begun; \
	[ -z "$$failed" ] || { echo "failed, or a target missed:$$failed"; exit 1; }

clean: ## Remove what was made in this folder (not the cached programs)
	@[ ! -x $(PY) ] || $(PY) -m hack.up down
	rm -rf $(VENV) .run dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
