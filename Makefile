# A handful of verbs. `make demo` and `make test` install what they need into .venv and need only Python 3.11+, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-installed

.PHONY: help demo test test-slow lint format clean
help:
	@echo "make demo       run the whole path on this machine and print the priced ledger"
	@echo "make test       lint, types and tests (what CI runs)"
	@echo "make test-slow  the tests that need minutes or their own virtual environments"
	@echo "make lint       ruff and basedpyright only"
	@echo "make format     let ruff fix and format"
	@echo "make clean      remove everything the other verbs made"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "SpanLedger needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || $(MAKE) --no-print-directory venv-package
	@echo "==> installing SpanLedger into $(VENV) (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Debian ships Python without the part that makes virtual environments.
.PHONY: venv-package
venv-package:
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "This Python cannot make virtual environments. Run: sudo apt-get install python3-venv"; exit 1; }
	@echo "==> installing Debian's python3-venv"
	@apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null

demo: $(STAMP)
	@$(BIN)/spanledger demo $(DEMO_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --warnings

test: lint
	$(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow'

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .demo .emitters dist build .pytest_cache .ruff_cache .hypothesis
