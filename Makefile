# make setup | demo | check | test      (Python 3.11 or newer; nothing else has to be there)
export OMP_WAIT_POLICY ?= PASSIVE
PYTHON ?= python3
ROOMS = agents cli corpus engine evaluation graphs prompts
BIN = .venv/bin

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -qq --upgrade 'pip>=26'
	$(BIN)/pip install -qq --prefer-binary --constraint constraints.txt --editable '.[embedded,documents,evaluation,ocr,tokens]' --group dev
	touch $@

demo: setup
	$(BIN)/psyche model pull
	$(BIN)/psyche run examples/demo/run.toml || [ $$? -eq 1 ]  # 1: some records failed, as a small model's do

check: setup .types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup
	$(BIN)/pytest

# Type checkers do not follow an editable install that renames packages; they follow these links.
.types:
	mkdir -p $@/psyche && cd $@/psyche && ln -sfn $(ROOMS:%=../../%) .

.PHONY: setup demo check test
