#!/bin/sh
# Remove what make made in this checkout. reports/ are the user's and stay.
set -u
cd "$(dirname "$0")/.." || exit 3
if [ -x .venv/bin/toom ]; then
  .venv/bin/toom clean || true
  .venv/bin/python -m toom_scenarios.images remove || true
fi
rm -rf .venv build .env .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
find protocol server client scenarios tests -name __pycache__ -type d -prune -exec rm -rf {} +
