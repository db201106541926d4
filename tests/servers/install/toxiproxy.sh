#!/usr/bin/env bash
# Builds Toxiproxy, the proxy that cuts and slows connections, from its Go module. Prints the path of the program.
. "$(dirname "$0")/common.sh"
version=2.12.0
program="$cache/toxiproxy-$version"

hold_lock toxiproxy
if [ ! -x "$program" ]; then
  command -v go >/dev/null || fail "go is missing (1.21 or later); toxiproxy $version is built with it"
  say "building toxiproxy $version"
  build="$(mktemp -d)"
  trap 'rm -rf "$build"' EXIT
  GOBIN="$build" go install "github.com/Shopify/toxiproxy/v2/cmd/server@v$version" >&2 ||
    fail "go could not build toxiproxy $version"
  mv "$build/server" "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
