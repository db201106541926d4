#!/usr/bin/env bash
# Makes sure that the named commands are there, installing Debian's package for each that is not:
#   debian.sh prometheus alertmanager chromium java mvn cjk-font
. "$(dirname "$0")/common.sh"

package_of() {
  case "$1" in
    prometheus | promtool) echo prometheus ;;
    prometheus-alertmanager | amtool) echo prometheus-alertmanager ;;
    chromium) echo chromium ;;
    java) echo default-jre-headless ;;
    mvn) echo maven ;;
    cjk-font) echo fonts-wqy-microhei ;;
    *) fail "no Debian package is known for '$1'" ;;
  esac
}

present() {
  if [ "$1" = cjk-font ]; then
    [ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || compgen -G '/usr/share/fonts/opentype/noto/*CJK*' >/dev/null
  else
    command -v "$1" >/dev/null
  fi
}

packages=()
for wanted in "$@"; do
  present "$wanted" || packages+=("$(package_of "$wanted")")
done
[ ${#packages[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null || fail "missing: ${packages[*]}; this system has no apt-get, install them by hand"
[ "$(id -u)" -eq 0 ] || fail "missing: ${packages[*]}; run as root: apt-get install ${packages[*]}"
hold_lock debian

# Debian starts a service when its package is installed; a Prometheus on port 9090 is none of ours. A policy that is
# already there is the machine owner's and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

apt() { apt-get -o DPkg::Lock::Timeout=600 -qq "$@"; }
export DEBIAN_FRONTEND=noninteractive
say "apt-get install ${packages[*]}"
for attempt in 1 2 3; do
  # The lists' own lock has no time limit in apt, so another apt-get update is met by trying again.
  if apt update >&2 && apt install -y --no-install-recommends "${packages[@]}" >&2; then
    for wanted in "$@"; do
      present "$wanted" || fail "apt-get installed ${packages[*]}, but '$wanted' is still not to be found"
    done
    exit 0
  fi
  say "apt-get failed (attempt $attempt of 3)"
  sleep 10
done
fail "apt-get could not install ${packages[*]}"
