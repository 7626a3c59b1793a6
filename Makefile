# Two commands do everything: `make lab` to learn, `make test` to check. All of substance is in tools/*.py.

PYTHON ?= $(shell for p in python3 python; do if $$p -c "import sys; sys.exit(sys.version_info < (3, 6))" >/dev/null 2>&1; then echo $$p; break; fi; done)
COURSE = $(if $(PYTHON),$(PYTHON) tools/install.py,$(error The course needs Python 3.11 or newer: get it from python.org or your package manager))

SPREAD = $(if $(JOBS),--jobs $(JOBS)) $(if $(ENGINE),--engine $(ENGINE))

.PHONY: help lab update slides page record quick test test-oldest notebooks claims weights tables bench doctor lock clean

help:
	@echo "make lab                    open the course in JupyterLab    ARGS=\"--no-browser --port 8899\""
	@echo "make update                 the newest version; a notebook that you changed is kept beside the new one"
	@echo "make slides                 decks of all chapters, or of one CH=01 (and make page: one HTML page)"
	@echo "make quick                  lint, types, contracts and the tests under a second"
	@echo "make test                   check everything, or a chapter   CH=07  ALL=1  PROCESSOR=other  ONLY=lint,format,types,contracts,unit,drift,gate,notebooks,tables,browser"
	@echo "make doctor                 what this machine has, and what to do about what it lacks"
	@echo "make notebooks              build all chapters, or one       CH=01"
	@echo "make record                 keep the results of long cells   CH=01 (on a GPU, else on the CPU)"
	@echo "make claims                 run all claims, or one           ID=C01.1 JOBS=2 ENGINE=ray CONFIRM=1 or CONFIRM=REVISION"
	@echo "make weights                train all shipped weights, or one NAME=shapes_resnet JOBS=2 ENGINE=ray (CHECK=1: only evaluate)"
	@echo "make tables                 redraw the generated tables of docs/ and README.md"
	@echo "make bench                  speed and size, into docs/bench.md"
	@echo "make test-oldest            unit tests on the oldest packages that pyproject.toml allows"
	@echo "make lock                   pin the newest packages in constraints.txt"
	@echo "make clean                  remove .venv and every cache; your progress in .course stays"

lab:
	@$(COURSE) lab --open $(ARGS)

update:
	@$(if $(PYTHON),$(PYTHON),$(COURSE)) tools/update.py

slides:
	@$(COURSE) lab tools/export.py slides $(CH)

page:
	@$(COURSE) lab tools/export.py page $(CH)

record:
	@$(COURSE) dev tools/record.py $(CH)

quick:
	@$(COURSE) dev tools/check.py --quick

test:
	@$(COURSE) dev tools/check.py $(if $(ONLY),--only $(ONLY)) $(if $(CH),--chapter $(CH)) $(if $(ALL),--all) $(if $(PROCESSOR),--other-processor)

test-oldest:
	@$(COURSE) dev tools/check.py --oldest

notebooks:
	@$(COURSE) dev tools/build.py $(CH)

claims:
	@$(COURSE) lab -m lecture_utils claims $(ID) $(SPREAD) \
	  $(if $(CONFIRM),--confirm $(if $(filter-out 1,$(CONFIRM)),--against $(CONFIRM)))

weights:
	@$(COURSE) lab -m lecture_utils weights $(NAME) $(SPREAD) $(if $(CHECK),--check)

tables:
	@$(COURSE) dev tools/tables.py

bench:
	@$(COURSE) dev tools/bench.py $(ARGS)

doctor:
	@$(COURSE) lab -m lecture_utils doctor

lock:
	@$(COURSE) dev -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --extra hub \
	  --no-header --no-annotate --no-emit-index-url --output-file constraints.txt pyproject.toml

clean:
	@$(PYTHON) -c "import shutil; [shutil.rmtree(p, True) for p in '.venv .venv-oldest build artifacts .pytest_cache .mypy_cache .ruff_cache .import_linter_cache'.split()]"
