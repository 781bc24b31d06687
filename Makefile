# What a developer runs, from the folder of this file. `make` alone lists the targets.
# All paths are relative, so that the folder's own path may hold spaces.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: planted-bugs help setup needs-pdf needs-postgresql needs-browser demo test test-deep bench lint format lock clean

# Which Python makes .venv; empty: the first of these that is new enough.
PYTHON ?=
pythons := python3 python3.14 python3.13 python3.12 python3.11

# How many random histories `make test-deep` tries.
DEEP_HISTORIES ?= 10000

# `make lock LOCK_FLAGS=--upgrade` moves every pin; without it, pins stay where pyproject.toml still allows them.
LOCK_FLAGS ?=

bin := .venv/bin
PORT := 8000
stamp := .venv/.made

# The stamp holds the folder that .venv was made in. A .venv that was moved or copied still points at the old
# folder, and one whose Python was removed does not start: both are made anew.
ifneq ($(shell $(bin)/python -c '' 2>/dev/null && cat $(stamp) 2>/dev/null),$(CURDIR))
fresh := yes
.PHONY: $(stamp)
endif

# Sets $python, or says what to install.
define choose_python
python=; \
for candidate in $(if $(PYTHON),"$(PYTHON)",$(pythons)); do \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    python=$$candidate; break; \
  fi; \
done; \
if [ -z "$$python" ]; then \
  echo 'Python 3.11 or newer was not found (tried: $(or $(PYTHON),$(pythons))).' >&2; \
  echo 'Install it, or name it: make setup PYTHON=/path/to/python3.11' >&2; \
  exit 1; \
fi
endef

# Installs the module that makes .venv where a system keeps it in a package of its own, or says how to.
define need_venv
if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
  package="$${python##*/}-venv"; \
  if [ "$$(id -u)" = 0 ]; then root=; else root='sudo -n'; fi; \
  if command -v apt-get >/dev/null && $$root true 2>/dev/null; then \
    echo "Python's venv module is missing: installing $$package."; \
    $$root apt-get install -y "$$package" >/dev/null || \
      { $$root apt-get update && $$root apt-get install -y "$$package"; } >/dev/null || true; \
  fi; \
  if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
    echo "Python's venv module is missing. Install it with: sudo apt-get install -y $$package" >&2; \
    exit 1; \
  fi; \
fi
endef

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r target text; do \
	  printf '  make %-11s %s\n' "$$target" "$$text"; \
	done

setup: $(stamp) ## make .venv from requirements.lock, with incentives installed in it
	@:

$(stamp): requirements.lock pyproject.toml
	@if [ -n '$(fresh)' ]; then \
	  $(choose_python); \
	  $(need_venv); \
	  echo "Making .venv with $$("$$python" --version)."; \
	  "$$python" -m venv --clear .venv; \
	fi
	@echo 'Installing what requirements.lock names.'
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@pwd -P > $@

# Installs what pip cannot, or says how to. The Python of .venv asks, since that must find the libraries later.
needs-pdf needs-postgresql needs-browser: needs-%: setup
	@$(bin)/python -I -S scripts/system_packages $*

demo: setup needs-pdf ## the sample company's story, written to demo_output; ends by serving its pages
	@$(bin)/incentives demo --out demo_output --port $(PORT)

lint: setup ## ruff and mypy
	@$(bin)/python -m ruff check
	@$(bin)/python -m ruff format --check
	@$(bin)/python -m mypy

test: lint needs-pdf needs-postgresql needs-browser ## lint, then every test but the deep ones
	@$(bin)/python -m pytest -q

test-deep: setup ## the laws on random histories, DEEP_HISTORIES=10000 of them
	@echo 'Trying $(DEEP_HISTORIES) random histories.'
	@DEEP_HISTORIES='$(DEEP_HISTORIES)' $(bin)/python -m pytest -q -m deep

planted-bugs: setup ## plants bugs in a copy, one at a time; each must be caught (5 minutes)
	@$(bin)/python scripts/planted_bugs.py

bench: setup ## speed, as ratios to the least work possible
	@$(bin)/python -m benchmarks

format: setup ## mend what ruff can mend
	@$(bin)/python -m ruff check --fix
	@$(bin)/python -m ruff format

lock: ## write requirements.lock anew from pyproject.toml
	@$(choose_python); \
	tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	"$$python" -m venv "$$tools" && \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv && \
	"$$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --extra test --extra dev $(LOCK_FLAGS) -o requirements.lock pyproject.toml

clean: ## remove .venv and everything that was made
	@rm -rf .venv build dist demo_output .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
