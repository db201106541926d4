#!/usr/bin/env bash
# Builds InfluxDB 1.8's server from its Go module into the cache folder. Prints the path of the program.
. "$(dirname "$0")/common.sh"
version=1.8.10
program="$cache/influxd-$version"

hold_lock influxd
if [ ! -x "$program" ]; then
  command -v go >/dev/null || fail "go is missing (1.21 or later); influxd $version is built with it"
  say "building influxd $version (about two minutes)"
  build="$(mktemp -d)"
  trap 'rm -rf "$build"' EXIT
  cd "$build"
  {
    go mod init planwatch.tests/influxd
    go get "github.com/influxdata/influxdb/cmd/influxd@v$version"
    go build -trimpath -o influxd github.com/influxdata/influxdb/cmd/influxd
  } >&2 || fail "go could not build influxd $version"
  mv influxd "$program.new"
  mv "$program.new" "$program"
fi
echo "$program"
