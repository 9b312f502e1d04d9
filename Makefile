# `make` alone lists the targets. Whatever they build lands in this folder: .venv and .cache.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help repro test test-all check format bench ship doctor gate play sync gl browser lock clean FORCE

# PYTHON picks the interpreter that .venv is made from; left empty, the first suitable one is found.
PYTHON ?=
# Arguments passed through: make repro DVC_ARGS=--force, make test PYTEST_ARGS="-k resume".
DVC_ARGS ?=
PYTEST_ARGS ?=
ROBOT ?=
# POLICY=file is another policy for make doctor or play; DOCTOR_ARGS="--deploy deploy.yaml --strict",
# --env; PLAY_ARGS="--port 0 --open".
POLICY ?=
DOCTOR_ARGS ?=
PROFILE ?=
# More for make gate: --against, --baseline, --policy, --out.
GATE_ARGS ?=
PLAY_ARGS ?=
LOCK_ARGS ?=
# GPU=1 trains on an NVIDIA GPU with CUDA 13, GPU=12 with CUDA 12; empty: with what .venv has.
GPU ?=
ifneq ($(filter-out 1 12 13,$(GPU)),)
$(error GPU=$(GPU) is not allowed: 1 or 13 for CUDA 13, 12 for CUDA 12, nothing for what .venv has)
endif

PY := .venv/bin/python
# One stamp per requested interpreter, so that another PYTHON= rebuilds .venv. The script removes
# .venv, stamps included, when it must start afresh.
READY := .venv/ready$(if $(PYTHON),-$(subst /,-,$(PYTHON)))
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-package surefoot pyproject.toml --extra dev \
    --custom-compile-command "make lock"
STAMP := .venv/synced$(if $(PYTHON),-$(subst /,-,$(PYTHON)))
# Extras have locks of their own. CUDA brings Warp along and stays once it is there; test-all tests
# Warp on the CPU too.
THERE := $(firstword $(foreach cuda,-cuda13 -cuda12,$(if $(wildcard $(STAMP)$(cuda)),$(cuda))))
CUDA := $(if $(GPU),-cuda$(if $(filter 12,$(GPU)),12,13),$(THERE))
EXTRA := $(or $(CUDA),$(if $(filter test-all,$(MAKECMDGOALS)),-warp))
LOCK := requirements$(EXTRA).lock
SYNCED := $(STAMP)$(EXTRA)
# The stamps say nothing once the interpreter behind .venv is gone.
GONE := $(shell [ -x $(PY) ] || echo FORCE)

# `python` in dvc.yaml is the one in .venv; a `uv` of the user's wins over the one fetched here.
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/.venv/uv/bin
# A sourced ROS puts its own Python packages here, which shadow the locked ones.
unexport PYTHONPATH PYTHONHOME
export XDG_CACHE_HOME := $(CURDIR)/.cache
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export DVC_SITE_CACHE_DIR := $(CURDIR)/.cache/dvc
export DVC_NO_ANALYTICS := 1
# Who asks for a GPU wants to hear why there is none.
ifneq ($(GPU),)
export JAX_PLATFORMS := cuda,cpu
endif
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

repro: $(SYNCED) gl ## Train, evaluate, film, export and prove the policy: dvc repro $(DVC_ARGS)
	$(PY) -m dvc repro $(DVC_ARGS)

test: $(SYNCED) gl ## Run the tests that are not slow, or those that $(PYTEST_ARGS) picks
	$(PY) -m pytest $(or $(PYTEST_ARGS),-m "not slow")

test-all: $(SYNCED) gl browser ## Run all tests
	$(PY) -m pytest $(PYTEST_ARGS)

check: $(SYNCED) ## Check format, lint, types and import direction
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m pyright --pythonpath $(PY)
	$(PY) .venv/bin/lint-imports

format: $(SYNCED) ## Format the code and apply the linter's safe fixes
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(SYNCED) ## Measure throughput, latency and memory, as ratios
	$(PY) -m bench

ship: $(SYNCED) ## Copy a proven policy to policies/ (ROBOT=g1: not the one params.yaml names)
	$(PY) -m pipeline.ship $(if $(ROBOT),--robot $(ROBOT))

doctor: $(SYNCED) ## Examine the policy that ships for $(ROBOT), or $(POLICY), with $(DOCTOR_ARGS)
	@$(PY) -m pipeline.doctor $(POLICY) $(if $(ROBOT),--robot $(ROBOT)) $(DOCTOR_ARGS)

gate: $(SYNCED) gl ## Judge a shipped policy (ROBOT=g1); PROFILE=full finds its margins and renews its papers
	$(PY) -m pipeline.sim2sim $(if $(ROBOT),--robot $(ROBOT)) $(if $(PROFILE),--profile $(PROFILE)) $(GATE_ARGS)

play: $(SYNCED) ## Drive the policy that ships for $(ROBOT), or $(POLICY), from a web page: $(PLAY_ARGS)
	@$(PY) -m deploy.cockpit $(if $(ROBOT),--robot $(ROBOT)) $(if $(POLICY),--policy $(POLICY)) $(PLAY_ARGS)

sync: $(SYNCED) ## Make .venv what its lockfile says

browser: ## Install a Chromium for the cockpit's tests where there is none and apt may
	@sh setup/browser.sh

gl: $(SYNCED) ## Install the software-rendering libraries where they are missing and apt may
	@sh setup/gl.sh $(PY)

lock: $(READY) ## Update requirements*.lock from pyproject.toml (LOCK_ARGS=--upgrade: newest versions)
	$(COMPILE) $(LOCK_ARGS) -o requirements.lock
	for extra in warp cuda12 cuda13; do \
	    $(COMPILE) --extra warp --extra $$extra -c requirements.lock -o requirements-$$extra.lock || exit 1; \
	done

clean: ## Remove .venv and all caches; what was trained stays
	rm -rf .venv .cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): setup/venv.sh $(GONE)
	@sh setup/venv.sh .venv "$(PYTHON)"
	@touch $@

# uv reads none of pip's settings, so an index set for pip is handed on. Source distributions are
# built with the locked setuptools. What has extras has all that goes without.
$(SYNCED): $(LOCK) $(READY)
	@index=$$($(PY) -m pip config list 2>/dev/null | sed -n "s/.*\.index-url='\(.*\)'$$/\1/p" | tail -n 1); \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$$index}}"; fi; \
	uv pip sync --python $(PY) --require-hashes --build-constraints $(LOCK) $(LOCK) || { \
	    echo "set-up: $(LOCK) could not be installed (reason above): see to the network, the package index (UV_DEFAULT_INDEX) or the disk, then run make again" >&2; exit 1; }
	@rm -f .venv/synced*
	@touch $(STAMP) $@
