# make demo    set up, then make a data set from the demo servers (ARGS="seed=1 ..." are passed on)
# make test    the tests that need no network (ARGS="tests/export -k card" are passed on)
# make check   lint, format, types, layers
# make setup   the development environment in .venv
# make clean   remove the environment and caches; data sets and the store in multirun/ stay

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell sh -c 'for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$p && exit; done')
ARGS ?=

.PHONY: demo test check setup format clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	@$(BIN)/python -m firefly $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

setup: $(VENV)/.installed-dev

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing Firefly into $(VENV) (once; takes a minute or so) ..."
	@$(call install,-e .)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing Firefly and its development tools into $(VENV) (once; takes a minute or so) ..."
	@$(call install,-e '.[dev]')
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Firefly needs Python 3.11 or newer and found none. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python "$(PYTHON)" "$(VENV)"; \
	elif ! "$(PYTHON)" -m venv "$(VENV)"; then \
		rm -rf "$(VENV)"; \
		echo "$(PYTHON) can't make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; \
		exit 1; \
	fi

# uv where there is one, else the environment's own pip; both with the user's own index settings
install = if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi
