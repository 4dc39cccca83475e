#!/bin/sh
# Kill the server, take the power from its store, and play whole conferences with a server that is
# killed, stopped and robbed of files, TOOM_KILLS times each; nothing that was acknowledged may be
# lost. Statuses as in CONTRACT.
cd "$(dirname "$0")/.." || exit 3
case $TOOM_KILLS in
  *[!0-9]* | "" | 0*) echo "KILLS: $TOOM_KILLS is no number from 1" >&2; exit 2 ;;
esac
.venv/bin/python -m pytest -n 2 -q \
  tests/server/test_durability.py tests/server/test_power.py tests/server/test_whole.py
case $? in
  0) exit 0 ;;
  1) exit 1 ;;
  *) exit 3 ;;
esac
