# Sourced by the installers beside it: where things go, and how a step says that it failed.
set -euo pipefail

cache="${PLANWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/planwatch-tests}"
mkdir -p "$cache"

say() { printf 'servers: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Two runs on one machine (a developer's and a helper's) must not build into the same folder at once.
hold_lock() {
  exec 9>"$cache/$1.lock"
  flock -w 1800 9 || fail "another run has held $cache/$1.lock for half an hour; end it and try again"
}
