#!/bin/sh
# Set a checkout up: .venv with Toom and its tools in it. Quick, and without the network, when
# nothing has changed since the last time. Statuses as in CONTRACT: 3 when this host cannot do it.
set -u
cd "$(dirname "$0")/.." || exit 3
root=$(pwd -P)
venv=.venv

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 3; }

# Debian's packages: installed by root, named to others.
debian() { # debian REASON PACKAGE…
  reason=$1
  shift
  if ! command -v apt-get >/dev/null; then
    say "$reason; please install what Debian calls: $*"
  elif [ "$(id -u)" -ne 0 ]; then
    say "$reason; please run: sudo apt-get install $*"
  else
    say "$reason; installing the Debian packages $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } \
      >build/apt.log 2>&1 && return 0
    tail -n 5 build/apt.log >&2
    say "apt-get failed; build/apt.log has all of it"
  fi
  return 1
}

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# PYTHON if that is given; else the one of all usable ones that starts a program soonest.
find_python() {
  if [ -n "${PYTHON:-}" ] && usable "$PYTHON"; then command -v "$PYTHON" && return 0; fi
  set --
  for python in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if usable "$python"; then set -- "$@" "$(command -v "$python")"; fi
  done
  [ $# -gt 0 ] && "$1" containers/quickest.py "$@"
}

mkdir -p build
# Two makes in one checkout take turns; without flock(1) they had better not be started at once.
if command -v flock >/dev/null; then
  exec 9>build/.setup-lock
  flock -w 900 9 || fail "another make has been setting this checkout up for 15 minutes"
fi

wanted=$(
  { cat pyproject.toml containers/setup.sh; echo "$root"; } | cksum | tr -d ' '
)
stamp=$venv/.toom-$wanted
if [ -e "$stamp" ] && usable "$venv/bin/python"; then exit 0; fi

missing=
command -v ip >/dev/null || [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || missing="$missing iproute2"
command -v unshare >/dev/null || missing="$missing util-linux"
# Local stages go on without them, with every host on 127.0.0.1; only Docker's do not need them.
# shellcheck disable=SC2086
if [ -n "$missing" ]; then debian "network namespaces need$missing" $missing || true; fi

python=$(find_python) || {
  debian "Toom needs Python 3.11 or newer" python3 python3-venv
  python=$(find_python) || fail "there is no Python 3.11 or newer (PYTHON=… names one)"
}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  debian "$python cannot make virtual environments" python3-venv || exit 3
fi

if ! usable "$venv/bin/python" || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  say "making $venv with $python"
  "$python" -m venv --clear "$venv" >build/setup.log 2>&1 || {
    tail -n 5 build/setup.log >&2
    fail "$venv cannot be made"
  }
fi

say "installing Toom and its tools into $venv (about half a minute, once)"
install() { "$venv/bin/python" -m pip install -q --disable-pip-version-check -e "$1" >build/setup.log 2>&1; }
if ! install '.[dev,fast]'; then
  say "uvloop or caio cannot be had for this machine; trying without, the server needs them only for speed"
  install '.[dev]' || {
    tail -n 5 build/setup.log >&2
    fail "pip failed; build/setup.log has all of it"
  }
fi
rm -f "$venv"/.toom-*
: >"$stamp"
say "ready"
