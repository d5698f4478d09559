# What a developer types. Needs make and Python 3.11 or later; PYTHON=... chooses another one.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
PY := $(BIN)/python
DATA ?=
MAPPING ?=
LOG ?=
BROKERS ?= 1

.PHONY: help run kafka test check soak bench docs lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

run: .venv/ready ## the main job: a desk, real or simulated histories, views, and a rebuild that proves them
	@$(BIN)/ticketlog tour $(if $(DATA),"$(DATA)") $(if $(MAPPING),--mapping "$(MAPPING)") \
		$(if $(LOG),--log "$(LOG)")

kafka: .venv/ready ## a local Kafka broker until Ctrl-C; BROKERS=3 for three
	@$(PY) -m broker $(BROKERS)

test: .venv/ready .venv/broker ## every test, the service and crash slices too
	@$(PY) -m pytest -n auto --run-service

check: .venv/ready ## style, types, import directions, generated pages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(PY) -m pytest tests/test_layout.py
	@$(PY) -m ticketlog.docs --check

soak: .venv/ready .venv/broker ## the full figures: 500 crashes and more, in minutes
	@$(PY) -m pytest --run-service --run-soak -m soak

bench: .venv/ready ## the figures of docs/BENCHMARKS.md
	@$(PY) -m benchmarks

docs: .venv/ready ## writes the generated pages anew
	@$(PY) -m ticketlog.docs

lock: .venv/ready ## requirements.lock anew, from pyproject.toml
	@$(PY) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "lock with the oldest \
Python that it is for: make clean, then make lock PYTHON=python3.11")'
	@# Hashes of public files only: local builds have others.
	@env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL CUSTOM_COMPILE_COMMAND="make lock" \
		$(BIN)/pip-compile --quiet --upgrade --extra serve --extra telemetry --extra dev --strip-extras --allow-unsafe \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--no-emit-options --output-file requirements.lock pyproject.toml

clean: ## forgets everything that can be made again
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Kafka's jars and a Java, or the line to type.
.venv/broker: broker/pom.xml .venv/ready
	@command -v mvn >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		{ apt-get install -y -qq maven >/dev/null || { apt-get update -qq && \
		apt-get install -y -qq maven >/dev/null; }; }; } || \
		{ echo "Maven fetches the Kafka broker, and is missing: sudo apt install maven" >&2; exit 1; }
	@touch .venv/broker

.venv/ready: requirements.lock pyproject.toml .ci/setup
	@.ci/setup $(PYTHON)
