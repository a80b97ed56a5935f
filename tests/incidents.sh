#!/usr/bin/env bash
# Stages incidents on live daemons and shows the one command that explains each: bash tests/incidents.sh [NAME...]
# First the healthy twin: nothing is found there, and no alert would fire. Prints a line
#   INCIDENT name COMMAND ... FOUND cause|risk|next yes|no ALERT expected NAME fired yes|no
# for each, and at the end INCIDENTS n ANSWERED n FALSE_ALARMS n; exits non-zero if one is not explained.
#   TROTH_BIN=DIR   programs of a test build (default build-tests/bin)    --transcripts   also writes them into docs/runbooks/
#   --screens=DIR   also writes what doctor and status show on a terminal of 80 columns; a line that is wider is an error
#   TROTH_PROMTOOL=FILE   judges the alert rules; by default Debian's package prometheus is fetched (nothing is installed)
set -euo pipefail
cd "$(dirname "$0")/.."
export TROTH_BIN=${TROTH_BIN:-$PWD/build-tests/bin} PYTHONDONTWRITEBYTECODE=1
[ -x "$TROTH_BIN/troth-coordinator" ] || { echo "build first: cmake --preset tests && cmake --build build-tests" >&2; exit 69; }
tools=$PWD/build-tests/promtool
TROTH_PROMTOOL=${TROTH_PROMTOOL:-$(command -v promtool || echo "$tools/usr/bin/promtool")}
if [ ! -x "$TROTH_PROMTOOL" ]; then
  mkdir -p "$tools"
  (cd "$tools" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb) || { echo "promtool cannot be fetched: alerts are not judged" >&2; TROTH_PROMTOOL=; }
fi
export TROTH_PROMTOOL
exec /usr/bin/python3 tests/incidents/incidents.py "$@"
