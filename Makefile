# Everything starts here: `make demo` and `make test` need only python3 (3.11 or newer) and make.
# Paths are relative on purpose, so that a checkout whose path contains spaces works.

SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.stamp
CACHES := .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
# What `make lock` resolves against: bump it there, and only there.
TORCH ?= 2.13.0
# Override with `make PYTHON=/path/to/python3.12 ...`.
PYTHON ?=
PYTEST := $(BIN)/python -m pytest
# Side by side, a worker per core. What is in one file shares its Ray or its server, and stays together.
CORES ?= auto
BESIDE := --numprocesses $(CORES) --dist loadfile

# Two test suites at once would fight for the same cores, so -j changes nothing.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-ray test-browser test-slow test-cluster chromium postgresql compiler hydra hosts slurm lint schema \
	reference lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

# The first python that is new enough and can make environments. Not `command -v` alone: a version manager's shim may
# exist for a python that does not run.
define find_python
	python=; for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11); do \
		if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "latent-tune needs Python 3.11 or newer with the venv module. Found: $$(python3 --version 2>&1)." >&2; \
		echo "On Debian or Ubuntu: apt-get install python3-venv. Elsewhere: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
endef

setup: $(STAMP)  ## create .venv with everything pinned in constraints.txt

# The stamp is written last: whatever broke off halfway is picked up again. An environment whose python or pip does not
# run is made anew; pip repairs the rest.
$(STAMP): pyproject.toml constraints.txt
	@set -e; rm -f $@; \
	if ! $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		$(find_python); \
		echo "Creating .venv with $$("$$python" --version)"; \
		rm -rf .venv; "$$python" -m venv .venv; \
	fi; \
	echo "Installing the versions of constraints.txt into .venv (a minute or two the first time)"; \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables; \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'; \
	$(BIN)/python -m pip check; \
	touch $@

demo: $(STAMP)  ## run the quickstart study: which setting to use, and how reproducible it is
	$(BIN)/latent-tune run search_spaces/quickstart.yaml

test: test-fast test-ray test-browser  ## all tests but the slow ones, the fast ones first

test-fast: $(STAMP) postgresql compiler hydra  ## tests that need neither a cluster nor a browser
	$(PYTEST) --numprocesses $(CORES) --dist worksteal -m "not slow and not cluster and not browser and not gpu"

test-ray: $(STAMP)  ## tests that start Ray, but the slow ones
	$(PYTEST) $(BESIDE) -m "cluster and not slow and not gpu"

test-browser: $(STAMP) chromium  ## tests that drive a real Chromium
	$(PYTEST) -m "browser and not slow and not gpu" || test $$? -eq 5  # 5: there is no such test yet

test-slow: $(STAMP) postgresql compiler hosts slurm  ## the slow ones: storms of faults, three hosts, Slurm, outages
	$(PYTEST) $(BESIDE) -m "slow and not gpu"

test-cluster: $(STAMP) compiler hosts slurm  ## everything that starts a Ray cluster: several nodes, three hosts, Slurm
	$(PYTEST) $(BESIDE) -m "cluster and not gpu"

# What some tests need beside Python. Without it they skip and say why; where we may install it, we do.
# $(call install,package,its programs or where they lie)
define install
	@for name in $(2); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "No $(1) here and no right to install it: its tests will skip."; exit 0; \
	fi; \
	echo "Installing $(1) with apt-get"; export DEBIAN_FRONTEND=noninteractive; \
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $(1) $(3); } >/dev/null </dev/null \
		|| echo "$(1) could not be installed: its tests will skip."
endef

chromium:
	$(call install,chromium,chromium chromium-browser google-chrome)

postgresql:  # Debian keeps its programs off the PATH
	$(call install,postgresql,initdb /usr/lib/postgresql/*/bin/initdb)

compiler:
	$(call install,gcc,cc gcc,libc6-dev)

# Of an example. It pins an ANTLR older than the environment's, and one that has to be built, so it has a folder of its own;
# what else it needs is in the environment.
HYDRA := hydra-core==1.3.8 omegaconf==2.3.1 antlr4-python3-runtime==4.9.3
hydra: $(STAMP)
	@test -d .venv/hydra || { echo "Installing Hydra into .venv/hydra"; \
		$(BIN)/python -m pip install --quiet --no-deps --target .venv/hydra $(HYDRA) \
			|| echo "Hydra could not be installed: its test will skip."; }

hosts:  # what one machine needs to be several
	$(call install,iproute2,ip)
	$(call install,rsync,rsync)
# Where there is a systemd, Debian would start the SSH server and open the machine: then it is for its owner to install.
ifeq ($(wildcard /run/systemd/system),)
	$(call install,openssh-server,/usr/sbin/sshd,openssh-client)
endif

slurm:  # Debian keeps its daemons off the PATH; their tests start their own
	$(call install,slurmctld,/usr/sbin/slurmctld,slurmd slurm-client munge)

lint: $(STAMP)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

schema: $(STAMP)  ## write the JSON Schema of study files from the models
	$(BIN)/python -c 'import json; from tune.study.study import json_schema; print(json.dumps(json_schema(), indent=1))' \
		> search_spaces/study.schema.json

reference: schema  ## write docs/study.md and docs/commands.md from models and parser, after a change of keys or options
	$(BIN)/python -m docs.reference

# Nothing is taken over from the present lock or environment. Lines that only torch's GPU builds add are dropped: torch
# pins them itself, and on a machine without a GPU they must not be asked for.
lock:  ## resolve pyproject.toml afresh and rewrite constraints.txt
	@set -e; $(find_python); \
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	"$$python" -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/python" -m pip install --quiet "torch==$(TORCH)" hatchling editables; \
	"$$scratch/venv/bin/python" -m pip install --quiet --no-build-isolation --editable '.[dev]'; \
	"$$scratch/venv/bin/python" -m pip check; \
	sed -n '/^#/p' constraints.txt > "$$scratch/lock"; \
	"$$scratch/venv/bin/python" -m pip freeze --exclude-editable > "$$scratch/freeze"; \
	sed 's/+[A-Za-z0-9.]*$$//' "$$scratch/freeze" | grep -vE '^(nvidia-(cu|nccl|nvjitlink|nvshmem|nvtx)|triton|cuda-)' \
		>> "$$scratch/lock"; \
	cp "$$scratch/lock" constraints.txt; \
	echo "constraints.txt: $$(grep -c == constraints.txt) versions"

clean:  ## remove the environment, caches and builds; results/ is yours and stays
	rm -rf .venv $(CACHES)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
