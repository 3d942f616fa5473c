# make setup | demo | check | test | slow      (Python 3.11 or newer; nothing else has to be there)
export OMP_WAIT_POLICY ?= PASSIVE
PYTHON ?= python3
ROOMS = agents cli corpus engine evaluation graphs prompts training tuning
BIN = .venv/bin

INSTALL = $(BIN)/pip install -qq --prefer-binary --constraint constraints.txt --editable

setup: .venv/ready

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -qq --upgrade 'pip>=26'

.venv/ready: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[anthropic,documents,embedded,evaluation,ocr,optimise,tokens,train]' --group dev
	touch $@

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[embedded,documents]'
	touch $@

demo: .venv/demo
	$(BIN)/psyche model pull
	$(BIN)/psyche run examples/demo/run.toml || [ $$? -eq 1 ]  # 1: some records failed, as a small model's do

check: setup .types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/pytest --numprocesses auto --dist worksteal

# What trains until something is learned.
slow: setup
	$(BIN)/pytest -m slow

# Type checkers do not follow an editable install that renames packages; they follow these links.
.types:
	mkdir -p $@/psyche && cd $@/psyche && ln -sfn $(ROOMS:%=../../%) .

.PHONY: setup demo check test slow
