#!/bin/sh
# Ask the tools what they think of the sources; all of them speak, then one status is given.
set -u
cd "$(dirname "$0")/.." || exit 3
PATH=$PWD/.venv/bin:$PATH
mkdir -p build
failed=0
check() { # check COMMAND…: quiet when content
  if "$@" >build/check.log 2>&1; then
    echo "check: $* ok"
  else
    echo "check: $* FAILED"
    cat build/check.log
    failed=1
  fi
}
check ruff check -q --output-format=concise .
check ruff format --check .
check mypy --strict
check lint-imports --no-logo --no-cache
exit $failed
