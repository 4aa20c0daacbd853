PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check format clean stack stack-status stack-stop demo-stack

demo: $(READY)  ## one complete unlearning event on the embedded defaults
	@$(BIN)/lethe demo

test: $(READY)  ## the whole suite, offline
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15

check: $(READY)  ## style, types, directions of imports, deployments
	@infra/check

format: $(READY)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

stack: $(READY)  ## PostgreSQL, an S3 store, Prefect, MLflow and a worker on this machine
	@$(BIN)/python -m infra.stack up

stack-status: $(READY)  ## each server, its port, process and health
	@$(BIN)/python -m infra.stack status

demo-stack: $(READY)  ## two requests on the running stack: approved, failed, promoted, put back, erased
	@$(BIN)/python -m infra.stack run demo

stack-stop: $(READY)  ## wait for runs, then stop every server; data stays
	@$(BIN)/python -m infra.stack down

clean:  ## remove every output; the next run starts from nothing
	rm -rf artifacts

$(READY): pyproject.toml infra/constraints.txt
	@echo "Installing Lethe and its pinned dependencies into .venv (some minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --constraint infra/constraints.txt --editable '.[dev]'
	@touch $(READY)
