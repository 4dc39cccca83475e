#!/bin/sh
# Run the project's tests; further words go to pytest. Statuses as in CONTRACT.
set -u
cd "$(dirname "$0")/.." || exit 3
begun=$(date +%s)
# Images first: what needs an engine is tested when there is one, and a build is no test's own work.
if reason=$(.venv/bin/python -m toom_scenarios.images engine 2>&1); then
  .venv/bin/python -m toom_scenarios.images >/dev/null ||
    { echo "tests: no images, so what needs an engine is left out" >&2; set -- -m "not engine" "$@"; }
else
  echo "tests: what needs an engine is skipped: $reason" >&2
fi
# Three workers, on any host: half of the time a test waits for sockets, terminals and promised times.
.venv/bin/python -m pytest -n 3 --dist worksteal --cov=toom_protocol --cov-branch \
  --cov-report=term:skip-covered "$@"
status=$?
# pytest counts from when its workers are up; a person counts from the command.
echo "tests: took $(($(date +%s) - begun)) s"
case $status in
  0 | 1) exit $status ;;  # passed, failed
  4) exit 2 ;;            # pytest did not understand the words it was given
  *) exit 3 ;;            # interrupted, an error in pytest itself, no test found
esac
