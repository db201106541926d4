#!/usr/bin/env bash
# Builds a reader of compose files from Docker Compose's own loader into the cache folder. Prints its path.
. "$(dirname "$0")/common.sh"
version=2.1.0
source="$(cd "$(dirname "$0")/compose-check" && pwd)"
program="$cache/compose-check-$version"

hold_lock compose-check
if [ ! -x "$program" ]; then
  command -v go >/dev/null || fail "go is missing (1.21 or later); compose-check is built with it"
  say "building compose-check $version"
  build="$(mktemp -d)"
  trap 'rm -rf "$build"' EXIT
  cd "$build"
  {
    cp "$source/main.go" .
    go mod init planwatch.tests/compose-check
    go mod edit -require "github.com/compose-spec/compose-go/v2@v$version"
    go mod tidy
    go build -trimpath -o compose-check .
  } >&2 || fail "go could not build compose-check $version"
  mv compose-check "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
