# lenetgen: every target makes .venv from requirements.lock first, once. See docs/toolchain.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := g++ make perl tclsh git
DEBIAN := python3-venv python3-dev g++ make perl tcl git
# tests run side by side, a file at a time; a worker may take 1 GB
WORKERS ?= 2
PACKAGES := codegen sim cli models vivado

.PHONY: help venv demo test lint types format bench calibrate results verify-all lock clean distclean
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

venv: $(STAMP)  ## install everything into .venv

# Half-made environments never get the stamp, so the next run starts over.
$(STAMP): requirements.lock pyproject.toml setup.py
	@missing=; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	command -v $(PYTHON) >/dev/null || missing="$$missing $(PYTHON)"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	$(PYTHON) -c 'import os, sysconfig as s; v = s.get_config_var; os.stat(os.path.join(v("LIBDIR"), v("INSTSONAME")))' \
	    2>/dev/null || missing="$$missing libpython"; \
	if [ -n "$$missing" ]; then \
	    echo "missing:$$missing (on Debian or Ubuntu: sudo apt-get install $(DEBIAN))" >&2; exit 2; fi
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and \
	    "lenetgen needs Python 3.11 or later, $(PYTHON) is %d.%d (choose: make PYTHON=python3.11)" % v)'
	@echo "== making $(VENV) from requirements.lock: about 2.1 GB, some minutes"
	$(PYTHON) -m venv --clear $(VENV)
	@awk '/^[a-z0-9]/ { on = /^(packaging|setuptools|wheel)==/ } on' requirements.lock > $(VENV)/build.lock
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $(VENV)/build.lock
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-build-isolation \
	    -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/lenetgen
	@touch $@

demo: $(STAMP)  ## emit the bundled LeNet-5 and prove it
	$(BIN)/lenetgen emit --precision mixed --out build/lenet5-mixed
	$(BIN)/lenetgen verify build/lenet5-mixed

test: $(STAMP)  ## the test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

lint: $(STAMP) types  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Through the link, mypy sees the package as lenetgen, whatever the repository's folder is called.
types: $(STAMP)
	cd $(VENV)/src && ../bin/mypy --strict --config-file ../../pyproject.toml \
	    --cache-dir ../../.mypy_cache $(PACKAGES:%=lenetgen/%)

format: $(STAMP)  ## let ruff rewrite the files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure speed and memory, printed as JSON
	$(BIN)/python benchmarks/bench.py

results: $(STAMP)  ## measure what is missing in results/, write docs/results.md and the README's table
	$(BIN)/python benchmarks/results.py

calibrate: $(STAMP)  ## fit the resource estimates to Yosys: an hour, resumed where it stopped
	$(BIN)/python benchmarks/calibrate.py

verify-all: $(STAMP)  ## the long acceptance lines: 10,000 images a preset, 500 random networks
	$(BIN)/lenetgen emit --precision mixed --out build/lenet5-mixed
	$(BIN)/lenetgen verify build/lenet5-mixed --images 10000 --rtl-images 1000
	set -e; for preset in q8.8 q4.4 auto; do \
	    $(BIN)/lenetgen emit --precision $$preset --out build/lenet5-$$preset; \
	    $(BIN)/lenetgen verify build/lenet5-$$preset --images 10000 --rtl-images 200; done
	$(BIN)/lenetgen fuzz --seeds 500 --out build/fuzz

# Needs uv (https://docs.astral.sh/uv). Versions already in the lock stay unless UPGRADE=--upgrade.
lock:  ## write requirements.lock anew
	uv pip compile pyproject.toml requirements.in --extra dev --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	    $(UPGRADE) -o requirements.lock

clean:  ## remove what the tools wrote, keep .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf $(VENV)
