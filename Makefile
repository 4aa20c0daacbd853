PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check format clean

demo: $(READY)  ## one complete unlearning event on the embedded defaults
	@$(BIN)/lethe demo

test: $(READY)  ## the whole suite, offline
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --durations 15

check: $(READY)  ## style, types, directions of imports, deployments
	@infra/check

format: $(READY)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:  ## remove every output; the next run starts from nothing
	rm -rf artifacts

$(READY): pyproject.toml infra/constraints.txt
	@echo "Installing Lethe and its pinned dependencies into .venv (some minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --constraint infra/constraints.txt --editable '.[dev]'
	@touch $(READY)
