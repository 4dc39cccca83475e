#!/bin/sh
# Call compose, whichever of the two this machine has.
set -u
cd "$(dirname "$0")/.." || exit 3
if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
if command -v docker-compose >/dev/null; then exec docker-compose "$@"; fi
echo "compose: neither 'docker compose' nor 'docker-compose' is here" >&2
exit 3
