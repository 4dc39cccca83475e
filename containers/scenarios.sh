#!/bin/sh
# Run the scenario suite: on Docker when an engine answers, on local processes when none does.
#   scenarios.sh ON JOBS [ARGUMENT…]      ON: docker, local or empty; JOBS: a number or empty
# ON=docker is a demand: an engine that does not answer is status 3 there, never a local pass.
set -u
cd "$(dirname "$0")/.." || exit 3
on=$1
jobs=$2
shift 2
python=.venv/bin/python

case $on in
  docker | local) ;;
  "")
    if refusal=$($python -m toom_scenarios.images engine 2>&1); then
      on=docker
      echo "scenarios: on docker, since an engine answers (ON=local for local processes)" >&2
    else
      on=local
      echo "scenarios: on local processes, since $refusal" >&2
    fi
    ;;
  *)
    echo "scenarios: ON is docker or local, not '$on'" >&2
    exit 2
    ;;
esac

if [ "$on" = docker ]; then
  $python -m toom_scenarios.images >/dev/null || {
    echo "scenarios: nothing was examined (make scenarios ON=local needs no images)" >&2
    exit 3
  }
fi
exec .venv/bin/toom run --on "$on" ${jobs:+--jobs "$jobs"} "$@"
