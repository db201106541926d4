#!/usr/bin/env bash
# Everything that the tiers integration, faults and bench need beside Python packages. Quick when it is all there.
. "$(dirname "$0")/common.sh"
here="$(dirname "$0")"
"$here/debian.sh" java mvn prometheus promtool prometheus-alertmanager amtool chromium cjk-font
"$here/kafka.sh" >/dev/null
"$here/influxd.sh" >/dev/null
"$here/compose-check.sh" >/dev/null
"$here/toxiproxy.sh" >/dev/null
