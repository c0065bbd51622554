#!/usr/bin/env bash
# Make this checkout ready: a virtual environment with the locked packages, Java for Spark, and with --tests what the tests need.
# Idempotent and quiet when there is nothing to do. Needs Python 3.11 or newer; nothing else of ours.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=no
[ "${1:-}" = "--tests" ] && tests=yes

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { printf 'setup: %s\n' "$*" >&2; exit 9; }
apt_works() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -f /etc/debian_version ]; }
apt_install() {
  say "installing $* with apt"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
    { apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
}

find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

java_version() { # the major version of the Java that Spark would use, or nothing
  local java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
  command -v "$java" >/dev/null || return 0
  "$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}

make_environment() {
  local python
  python=$(find_python) || stop "Python 3.11 or newer was not found. Install it, or name it: PYTHON=/path/to/python3.11 make run"
  if ! "$python" -m venv --without-pip .venv 2>/dev/null; then stop "'$python -m venv' does not work here. Install Python's venv module (Debian: python3-venv)."; fi
}

find_uv() { # prints how to call uv; installs it beside the environment when the machine has none
  if command -v uv >/dev/null; then command -v uv; return; fi
  if [ ! -x .venv/uv/bin/uv ]; then
    local python
    python=$(find_python)
    "$python" -m pip --version >/dev/null 2>&1 || { apt_works && apt_install python3-pip >&2; } ||
      stop "pip was not found for $python. Install pip (Debian: python3-pip), or uv."
    # --target keeps clear of the system's own packages
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .venv/uv 'uv>=0.9' >&2
  fi
  echo .venv/uv/bin/uv
}

install_packages() { # $1: stamp name; rest: requirement files
  local stamp_name=$1 stamp=".venv/.installed-$1" uv files=()
  shift
  local digest
  digest=$(cat "$@" | sha256sum | cut -d' ' -f1)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ] && return
  uv=$(find_uv)
  for file in "$@"; do files+=(-r "$file"); done
  say "installing $(cat "$@" | grep -c '==') packages for $stamp_name (2.5 GB in all; a minute or two)"
  "$uv" pip install --quiet --python .venv/bin/python --no-deps "${files[@]}"
  echo "$digest" >"$stamp"
}

install_command() { # the console script: nightloop, a link to this checkout
  local stamp=.venv/.installed-command digest
  digest=$(sha256sum pyproject.toml | cut -d' ' -f1)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ] && [ -x .venv/bin/nightloop ] && return
  "$(find_uv)" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
  echo "$digest" >"$stamp"
}

need_java() {
  local version
  version=$(java_version)
  [ "${version:-0}" -ge 17 ] && return
  if apt_works && [ -z "${JAVA_HOME:-}" ]; then apt_install openjdk-17-jre-headless; version=$(java_version); fi
  [ "${version:-0}" -ge 17 ] || stop "Java 17 or newer was not found (found: ${version:-none}); Spark needs it. Install it (Debian: apt-get install openjdk-17-jre-headless), or set NIGHTLOOP_ENGINE=local to do without Spark."
}

need_postgresql() { # some tests start a real PostgreSQL; without one they say so and are skipped
  command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { apt_works && apt_install postgresql; } ||
    say "PostgreSQL was not found: the tests that start one will be skipped"
}

[ -x .venv/bin/python ] || make_environment
install_packages run requirements.txt
install_command
if [ "$tests" = yes ]; then
  install_packages tests requirements-dev.txt
  need_postgresql
fi
[ "${NIGHTLOOP_ENGINE:-}" = local ] || need_java
