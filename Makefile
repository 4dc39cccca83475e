# Everything one does with a checkout of Toom. CI calls these verbs and nothing else.
#
# Exit status: GNU make itself knows three. 0: passed. 1: a goal "is not up to date", which it says
# under -q only. 2: it could not do its work. So each verb is done by a recipe marked with `+`,
# which runs under -q too; it leaves its status in a file, and a verb that ended with 1 ("something
# failed") gets a further recipe that -q does not run. What ended with 2 (wrong usage) or 3 (could
# not find out) is 2 in make, and the last line says which; STATUS=FILE gets the number. Of several
# verbs, one that failed does not keep the next from being done; one that ended with 2 or 3 does.

MAKEFLAGS += -q --no-print-directory
.DEFAULT_GOAL := help
# The shell, and not make's functions, since a path may hold spaces.
override HERE := $(shell cd "$$(dirname "$$(echo '$(MAKEFILE_LIST)' | sed 's/^ //')")" && pwd)
override VERBS := help setup scenarios test check format image up mutants kills transfers fuzz steady bench clean
override LEFT := $(or $(TMPDIR),/tmp)/toom-make-$(shell echo $$PPID)

# Docker or local, how many stages at once, and further words for `toom run`.
ON ?=
JOBS ?=
ARGS ?=
# Further words for pytest, such as -k NAME.
TESTS ?=
export BASE_IMAGE

override BIN := .venv/bin
override SETUP := sh containers/setup.sh &&

override help = sed -n 's/^\#: /  /p' Makefile
override setup = $(SETUP) true
override scenarios = $(SETUP) sh containers/scenarios.sh '$(ON)' '$(JOBS)' $(ARGS)
override check = $(SETUP) sh containers/check.sh
override test = $(SETUP) sh containers/tests.sh $(TESTS)
override format = $(SETUP) $(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .
override image = $(SETUP) $(BIN)/python -m toom_scenarios.images
override up = $(SETUP) $(BIN)/python -m toom_scenarios.images && sh containers/compose.sh up
override mutants = $(SETUP) $(BIN)/python -m tests.mutants $(ARGS)
override kills = $(SETUP) TOOM_KILLS='$(or $(KILLS),500)' sh containers/kills.sh
override transfers = $(SETUP) $(BIN)/python -m tests.transfers $(ARGS)
override fuzz = $(SETUP) $(BIN)/python -m tests.fuzz $(ARGS)
override steady = $(SETUP) $(BIN)/python -m tests.steady $(if $(ON),--on '$(ON)') $(ARGS)
override bench = $(SETUP) $(BIN)/toom bench suite \
  $(if $(ON),--on '$(ON)') $(if $(JOBS),--jobs '$(JOBS)') $(ARGS)
override clean = sh containers/clean.sh

#: make scenarios   run every scenario and print the marking table   (ON=docker|local JOBS=4 ARGS=…)
#: make test        run the project's tests                                      (TESTS='-k name')
#: make check       ruff, mypy --strict and the import contracts
#: make format      lay the sources out as ruff has it
#: make image       build the images that compose and the scenarios use  (BASE_IMAGE=python:3.x-slim)
#: make up          the conference: docker compose up
#: make mutants     break the program in many small ways; the scenarios must see each
#: make kills       500 kills of the server, losses of power, and conferences beside a model (KILLS=500)
#: make transfers   1,000 transfers over simulated links, whatever goes wrong       (ARGS="N --first SEED")
#: make fuzz        look for bytes that break codec, log lines, server or transfers, 10 minutes each (ARGS=…)
#: make steady      the whole suite 60 times, no flake, no leak; goes on where it stopped   (ARGS=…)
#: make bench       how long the whole suite takes, and where the time goes  (ON=docker|local ARGS=…)
#: make setup       make .venv, and nothing else
#: make clean       remove what make made: containers, images, .venv, build/ (reports/ stay)

.PHONY: $(VERBS) $(VERBS:%=do-%)
$(VERBS:%=do-%): do-%:
	+@cd '$(HERE)' && { $($*); }; status=$$?; \
	$(if $(STATUS),echo $$status > '$(STATUS)';) \
	case $$status in \
	  0 | 1) echo $$status > '$(LEFT)' ;; \
	  2) echo 'make $*: status 2, wrong usage'; exit 2 ;; \
	  *) echo "make $*: status $$status, could not find out"; exit $$status ;; \
	esac
$(VERBS): %: do-%
	$(if $(filter 0,$(shell cat '$(LEFT)'; rm -f '$(LEFT)')),,@false)
