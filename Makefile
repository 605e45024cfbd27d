# Each target does its own set-up; a second run needs no network. See README.md.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PORT ?= 8000
DATA ?= data
MINUTES ?= 120
# Files of tests go to one process more than there are processors, since a browser's tests wait as
# often as they work; a whole file to one.
PYTEST_SHARED = --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 5 \
	--dist loadfile --no-loadscope-reorder
BIN := .venv/bin
# A container's image often sets it, to stay small; here it would have each command compiled anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run tour test check setup setup-dev soak export-demo clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: setup ## score the demo pool: open the address it prints (PORT=8000 DATA=data)
	@$(BIN)/dva demo --data "$(DATA)" --port "$(PORT)"

tour: setup ## two minutes: score the demo in a tab, grade it, look at what came out
	@$(BIN)/dva tour

test: setup-dev ## the whole suite: Python, JavaScript, browser
	@$(BIN)/python -m pytest $(PYTEST_SHARED) $(PYTEST_ARGS)
	@node --test tests/js/*.test.js

check: setup-dev ## ruff, mypy --strict, tsc --checkJs, import-linter, docs/licences.md
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@node_modules/.bin/tsc --project tsconfig.json
	@$(BIN)/lint-imports
	@$(BIN)/python setup/licences.py --check

soak: setup-dev ## a tab at work for two hours: memory flat, nothing lost (MINUTES=120)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

export-demo: setup-dev ## build static/models/demo-q8 again from the committed checkpoint
	@$(BIN)/python export/build_onnx.py --model demo --weights q8 --limit 10000 --out static/models/demo-q8

setup: build/stamps/run build/stamps/node ## what `make run` needs
	@$(BIN)/python webapp/build.py
	@$(BIN)/python -m export.demo.pool --out build/demo-pool

setup-dev: build/stamps/dev build/stamps/node-dev build/stamps/browser build/stamps/fetch ## what tests, checks and the export pipeline need
	@$(BIN)/python webapp/build.py
	@$(BIN)/python -m export.demo.pool --out build/demo-pool

clean: ## forget everything generated, but not the data folder
	rm -rf build .venv node_modules static/app

$(BIN)/python: | build/stamps
	@setup/prerequisites.sh
	@setup/logged.sh "Making the Python environment" "$$(setup/prerequisites.sh --python)" -m venv .venv

build/stamps:
	@mkdir -p build/stamps

build/stamps/run: requirements/run.txt pyproject.toml setup/python.sh | $(BIN)/python
	@setup/python.sh requirements/run.txt
	@touch $@

build/stamps/dev: build/stamps/run requirements/dev.txt requirements/torch.txt setup/torch.py
	@setup/python.sh requirements/dev.txt
	@$(BIN)/python setup/torch.py
	@touch $@

build/stamps/node: package.json package-lock.json | build/stamps
	@setup/prerequisites.sh
	@setup/logged.sh "Installing the browser's libraries from npm" npm ci --omit=dev --no-audit --no-fund
	@touch $@

build/stamps/node-dev: package.json package-lock.json | build/stamps
	@setup/prerequisites.sh
	@setup/logged.sh "Installing all libraries from npm" npm ci --no-audit --no-fund
	@touch build/stamps/node $@

build/stamps/fetch: requirements/fetch.txt build/stamps/run
	@setup/logged.sh "Installing img2dataset in an environment of its own" $(BIN)/python -m server.fetching.environment
	@touch $@

build/stamps/browser: setup/browser.sh build/stamps/dev
	@setup/browser.sh
	@touch $@
