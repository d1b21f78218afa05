# Everything runs in its own virtual environment, made on first use.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# On Linux, PyPI's torch brings CUDA along. Set TORCH_INDEX to the address of PyTorch's CPU wheels
# for a much smaller install.
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.runtime: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	$(PIP) install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt torch
	$(PIP) install --quiet -c constraints.txt -e '.[console,openvino]'
	touch $@

$(STAMP): $(VENV)/.runtime
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	touch $@

.PHONY: install
install: $(STAMP) ## Make the virtual environment with everything for development

.PHONY: demo
demo: $(VENV)/.runtime ## Start a server, replay made-up traffic and show the campaign found
	@$(BIN)/simsvc demo

.PHONY: serve
serve: $(VENV)/.runtime ## Run the server on 127.0.0.1:50551 with its data in ./data
	@SIMSVC_LOG_FORMAT=$${SIMSVC_LOG_FORMAT:-text} $(BIN)/simsvc serve

.PHONY: console
console: $(VENV)/.runtime ## Run the web console of that server on http://127.0.0.1:8551
	@SIMSVC_LOG_FORMAT=$${SIMSVC_LOG_FORMAT:-text} $(BIN)/simsvc console

.PHONY: test
test: $(STAMP) ## Run all tests; they wait for servers, so there are two workers more than cores
	$(BIN)/python -m pytest -n $$(($$(nproc) + 2)) --dist loadfile --no-loadscope-reorder

.PHONY: check
check: $(STAMP) ## Lint, types, import contracts, proto lint and breaking changes, generated code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf breaking --against protos/released.binpb
	$(BIN)/python -m protos.generate --check

.PHONY: proto
proto: $(STAMP) ## Generate simsvc/v1 from protos
	$(BIN)/python -m protos.generate

.PHONY: proto-release
proto-release: $(STAMP) ## Note the contract as released: later changes must not break it
	$(BIN)/buf build -o protos/released.binpb

.PHONY: lock
lock: $(STAMP) ## Note the installed versions in constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable | grep -v -i '^simsvc' | sed 's/+cpu//' > constraints.txt

.PHONY: docs
docs: $(STAMP) ## Write the settings table into README.md
	$(BIN)/simsvc settings --into README.md

.PHONY: bench
bench: $(STAMP) ## Run the speed benchmarks on the prompt sets in DATA, into docs/performance.md
	$(PIP) install --quiet -c constraints.txt -e '.[bench,peers]'
	$(BIN)/python -m benchmarks --data $(DATA)

.PHONY: clean
clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
