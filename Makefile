# The first run installs what is needed: Debian packages, and Python's into .venv. From then on no network is used.
# The distribution's Python where it is new enough: what the service runs on, and built for speed, which another may not be.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
BIN := .venv/bin

PACKAGES := busybox-static crun curl dbus fish gcc groff-base libseccomp2 libsystemd-dev mandoc pkg-config procps python3-dev \
	python3-venv runc strace systemd systemd-container uidmap zsh
# Callers of the runtime, for the tests; what they recommend (other runtimes, networks, tools to build images) is not needed.
CALLERS := conmon containerd podman
# What the bench compares with besides them.
PEERS := docker.io

.PHONY: test test-runtimes demo bench soak faults fuzz docs man deb install uninstall audit lock help clean packages peers compiled \
	guest-kernel force

# pytest keeps the tests as it has compiled them, whatever the environment says: else each process does that anew in each
# run, for half of the time that they take to be collected.
test: .venv/installed compiled guest-kernel ## run every check, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 3 --dist loadgroup

test-runtimes: .venv/installed compiled ## run the black-box suites on pyrunc, crun and runc; ARGS='-k mounts'
	@for runtime in $(BIN)/pyrunc "$$(command -v crun)" "$$(command -v runc)"; do \
		echo "$$runtime"; $(BIN)/python -m pytest -q -rx tests/oci tests/security --runtime "$$runtime" $(ARGS) || failed=1; \
	done; [ -z "$$failed" ]

demo: .venv/installed compiled ## run containers by curl and by pyctr, and show that nothing is left of them
	@demo/demo.sh

bench: .venv/installed compiled peers ## measure against other runtimes and engines; ARGS='--only exec --rounds 20'
	@$(BIN)/python -m tests.bench --page docs/performance.md $(ARGS)

docs: .venv/installed ## build the documentation into build/site; nothing in it comes from another host
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

fuzz: .venv/installed ## fuzz what reads the bytes of strangers, for MINUTES=1 each; ARGS='users archives' for those alone
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),1) $(ARGS)

soak: .venv/installed compiled ## find what a daemon loses or keeps; MINUTES=30 with kills and full disks, ARGS='--seed 1'
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

faults: .venv/installed compiled ## every case of tests/faults: a kill at each system call of each operation, and so on
	@$(BIN)/python -m pytest -q -rP tests/faults --full $(ARGS)

man: .venv/installed ## write the manual pages into build/man; look at one with man -l build/man/pyctr.1
	@$(BIN)/python -m tools.man build/man

deb: .venv/installed ## build a Debian package into build/: everything it needs is in it, under /opt/pycontainerd
	@$(BIN)/python -m tools.package deb build

install: .venv/installed ## install under /opt/pycontainerd, with units, manual pages, completion; DESTDIR=DIR below that
	@$(BIN)/python -m tools.package install --destdir "$(or $(DESTDIR),/)"

uninstall: .venv/installed ## take away what `make install` has installed; settings and data stay
	@$(BIN)/python -m tools.package uninstall --destdir "$(or $(DESTDIR),/)"

audit: .venv/tools/installed ## ask a service, by network, which versions of requirements.lock have known holes
	@.venv/tools/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock \
		|| { echo "not every version could be found to be without known holes: see above" >&2; exit 1; }

lock: .venv/tools/installed ## write requirements.lock anew, by network: the newest versions that pyproject.toml admits
	@.venv/tools/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --output-file requirements.lock pyproject.toml

help: ## print this
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST)

clean: ## remove what was installed, built and cached here; Debian's packages stay
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

packages:
	@$(call install,$(PACKAGES),)
	@$(call install,$(CALLERS),--no-install-recommends)

# Debian would start dockerd as it is installed; the bench starts one of its own.
peers:
	@policy=/usr/sbin/policy-rc.d; \
	[ -e $$policy ] || { trap "rm -f $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; }; \
	$(call install,$(PEERS),--no-install-recommends) || echo "not installed: the bench leaves out what is missing"

# As pip does for an installed package: else each daemon and each spawner compiles all modules anew where
# PYTHONDONTWRITEBYTECODE is set, which takes a third of their start.
compiled: .venv/installed
	@$(BIN)/python -m compileall -q containerd_py

# For the tests that boot a guest (tests/harness): a kernel to run beside this one. Kept in ~/.cache.
guest-kernel:
	@tests/harness/fetch-kernels.sh || echo "no guest kernel: the tests that need one will say so"
	@tests/harness/fetch-systemd.sh trixie >/dev/null || echo "no newer systemd for guests: the tests that need it will say so"
	@tests/harness/fetch-criu.sh forky >/dev/null || echo "no newer CRIU: the tests that need one will say so"

# Without the stamp .venv was left half-made, and without a Python that runs it is of no use: then it is made anew.
.venv/installed: pyproject.toml requirements.lock $(shell $(BIN)/python -c '' >/dev/null 2>&1 || echo force) | packages
	@echo "installing Python packages into .venv ($$($(PYTHON) --version))"
	@{ test -e $@ && $(BIN)/python -m pip --version; } >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@sed -E '/^ *--hash/d; s/ *\\$$//' requirements.lock >.venv/constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat \
		--constraint .venv/constraints.txt --editable '.[docs,test]'
	$(BIN)/python -m tools.package.wheels
	@touch $@

# Apart from what the project needs: nothing of it decides what is installed there.
.venv/tools/installed: | .venv/installed
	@$(PYTHON) -m venv --clear .venv/tools
	@.venv/tools/bin/python -m pip install --quiet --disable-pip-version-check pip-audit uv
	@touch $@

# apt is asked only for what is missing: an installed machine needs no network.
define install
missing=$$(for package in $(1); do \
	dpkg-query --show --showformat '$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed || echo $$package; \
done); \
[ -z "$$missing" ] || { echo "installing Debian packages:" $$missing; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2) $$missing >/dev/null; }
endef
