# Everything there is to do here. `make` alone lists it.
PYTHON ?= python3
BIN := .venv/bin
# OWNER/REPOSITORY of the public copy, for `make public`: the one place where it is written down.
PUBLIC ?=
# Of another edition. Only from the command line: systems have a variable of this name, too.
EDITION := $(if $(filter command,$(origin LANGUAGE)),$(LANGUAGE))

.PHONY: public help setup demo test site test-site test-container test-hub lab assignment catalogues screenshots lint lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make lab         open the student notebook in JupyterLab'
	@echo 'make demo        grade example submissions and show what each of them gets'
	@echo 'make assignment  make release/ and Initialization.ipynb from source/'
	@echo '                 (LANGUAGE=vi: the Vietnamese course, in build/vi/)'
	@echo 'make catalogues  collect the words for translators; check and compile what they wrote'
	@echo 'make test        run all tests'
	@echo 'make site        build the site to learn from in a browser (OFFLINE=1: with Python inside)'
	@echo 'make public PUBLIC=OWNER/REPOSITORY   link README to Colab, Binder and Codespaces'
	@echo 'make test-site   test that site; downloads 80 MB'
	@echo 'make test-container, make test-hub   test the image (Podman), and a JupyterHub; 200 MB each'
	@echo 'make screenshots renew the pictures in docs/images/'
	@echo 'make lock        pin all packages, with their hashes, in constraints/'
	@echo 'make lint        check style, without changing anything'
	@echo 'make setup       install what the others need (they do it themselves)'
	@echo 'make clean       remove what can be made again; keeps submissions and grades'

setup: bubblewrap .venv/installed

bubblewrap:
	@sh tools/debian-package.sh bubblewrap bwrap 'grading (make demo)' || true

sandbox:  # before a minute of installing, so that nobody waits for nothing
	@case $$(uname) in Linux) sh tools/debian-package.sh bubblewrap bwrap 'make demo';; \
	    *) echo 'make demo needs Linux, WSL or a container (docs/containers.md).' >&2; exit 1;; esac

# The settings keep JupyterLab from asking about news and from looking for updates.
.venv/installed: constraints/requirements.txt tools/check-python.py tools/jupyterlab-settings.json \
        tools/nbgrader-settings.py
	@$(PYTHON) tools/check-python.py
	@echo 'Installing Python packages into .venv, a few minutes the first time ...'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r constraints/requirements.txt
	@mkdir -p .venv/share/jupyter/lab/settings .venv/etc/jupyter
	@cp tools/jupyterlab-settings.json .venv/share/jupyter/lab/settings/overrides.json
	@cp tools/nbgrader-settings.py .venv/etc/jupyter/nbgrader_config.py
	@touch $@

.venv/installed-dev: constraints/requirements-dev.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r constraints/requirements-dev.txt
	@touch $@

demo: sandbox .venv/installed
	@$(BIN)/python -m examples.demo

test: setup .venv/installed-dev
	@sh tools/debian-package.sh chromium chromium 'the browser tests' || true
	@sh tools/debian-package.sh libatomic1 libatomic.so.1 'Playwright in the browser tests' || true
# Four at a time: on two processors the tests wait for half of their time.
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

.venv-site/installed: constraints/requirements-site.txt tools/check-python.py
	@$(PYTHON) tools/check-python.py
	$(PYTHON) -m venv .venv-site
	.venv-site/bin/pip install --quiet --disable-pip-version-check -r constraints/requirements-site.txt
	@touch $@

site: .venv-site/installed $(if $(EDITION),assignment)
	.venv-site/bin/python tools/site.py site $(if $(OFFLINE),--offline) \
	    $(if $(EDITION),--language $(EDITION))

public:
	$(PYTHON) tools/public.py '$(PUBLIC)'

test-site: .venv/installed-dev
	$(MAKE) site OFFLINE=1
	SITE=site $(BIN)/python -m pytest tests/test_site.py

test-container: .venv/installed-dev
	CONTAINER=1 $(BIN)/python -m pytest tests/test_container.py

.venv-hub/installed: constraints/requirements-hub.txt
	$(PYTHON) -m venv .venv-hub
	.venv-hub/bin/pip install --quiet --disable-pip-version-check -r constraints/requirements-hub.txt
	npm install --silent --no-fund --no-audit --prefix .venv-hub configurable-http-proxy@5.3.0
	@touch $@

test-hub: .venv-hub/installed
	.venv-hub/bin/python -m pytest tests/test_hub.py

lab: .venv/installed
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) Initialization.ipynb

assignment: .venv/installed
ifneq ($(EDITION),)
	$(BIN)/python -m tools.edition $(EDITION)
else
	$(BIN)/nbgrader generate_assignment Initialization --force
	@sh tools/replace.sh release/Initialization/Initialization.ipynb Initialization.ipynb
endif

catalogues: .venv/installed-dev
	$(BIN)/python -m tools.catalogues

screenshots: setup .venv/installed-dev
	@sh tools/debian-package.sh chromium chromium 'screenshots'
	@sh tools/debian-package.sh libatomic1 libatomic.so.1 'Playwright in screenshots'
	$(BIN)/python -m tools.overview
	$(BIN)/python -m tools.screenshots

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# One lock for all systems and Pythons; pip refuses a file whose hash is another one.
lock: .venv/installed-dev
	for file in requirements*.txt; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	        --no-annotate --no-header --no-strip-extras $$file --output-file constraints/$$file || exit 1; \
	done

clean:
	rm -rf .venv .venv-site .venv-hub build site demo .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
