#!/usr/bin/env bash
# Builds the Debian packages, lints them, unpacks them into a scratch root and runs one transaction with what is in them.
#   --system   also installs them with apt (root), runs the same there, upgrades from an older version, purges them
set -euo pipefail
cd "$(dirname "$0")/.."
system=no
[ "${1:-}" = --system ] && system=yes
bash tests/install-packages.sh
bash tests/install-packages.sh lintian dpkg-dev fakeroot man-db python3-thrift
build=$(realpath -m "${TROTH_PACKAGES_BUILD:-build-packages}")
nice bash packaging/build.sh "$build" -DCMAKE_INSTALL_PREFIX=/usr ${TROTH_CMAKE_FLAGS:-}
rm -f "$build"/*.deb
(cd "$build" && fakeroot cpack -G DEB >/dev/null)
ls "$build"/*.deb
[ "$(ls "$build"/*.deb | wc -l)" -eq 5 ] || { echo "expected 5 packages" >&2; exit 1; }
lintian --fail-on error,warning --suppress-tags-from-file packaging/lintian.suppressed "$build"/*.deb
echo "PACKAGES lintian ok"
if command -v systemd-analyze >/dev/null; then
  for unit in packaging/systemd/*.service; do systemd-analyze security --offline=yes --threshold=30 "$unit" >/dev/null && echo "PACKAGES $(basename "$unit") hardened"; done
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/troth-packages-XXXXXX")
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

wait_ready() {  # FILE: prints the address in the ready line
  for _ in $(seq 500); do [ -s "$1" ] && { sed -E 's/.*"thrift":"([^"]*)".*/\1/' "$1"; return; }; sleep 0.02; done
  echo "not ready: $1" >&2; return 1
}
one_transaction() {  # ROOT SCRATCH: with the programs below ROOT
  local root=$1 dir=$2 name peers=()
  mkdir "$dir"
  for name in north south; do
    sqlite3 "$dir/$name.db" "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL); INSERT INTO a VALUES(1, 100);"
    "$root/usr/sbin/troth-participant" init --data-dir "$dir/$name.log" --name "$name" >/dev/null
    "$root/usr/sbin/troth-participant" --data-dir "$dir/$name.log" --database "$dir/$name.db" --listen 127.0.0.1:0 >"$dir/$name.out" 2>/dev/null & pids+=($!)
    peers+=(--participant "$name=$(wait_ready "$dir/$name.out")")
  done
  sed -e "s|^data-dir = .*|data-dir = $dir/c1.log|" "$root/etc/troth/coordinator.conf" >"$dir/coordinator.conf"
  "$root/usr/sbin/troth-coordinator" init --config "$dir/coordinator.conf" --name c1 >/dev/null
  "$root/usr/sbin/troth-coordinator" --config "$dir/coordinator.conf" --listen 127.0.0.1:0 "${peers[@]}" >"$dir/c1.out" 2>/dev/null & pids+=($!)
  TROTH_ENDPOINT=$(wait_ready "$dir/c1.out") "$root/usr/bin/troth" submit --wait applied --on north "UPDATE a SET v = v - 7" --on south "UPDATE a SET v = v + 7"
  [ "$(sqlite3 "$dir/north.db" "SELECT v FROM a") $(sqlite3 "$dir/south.db" "SELECT v FROM a")" = "93 107" ] || { echo "wrong sums" >&2; return 1; }
  PYTHONPATH=$root/usr/lib/python3/dist-packages /usr/bin/python3 -B - "$(wait_ready "$dir/c1.out")" <<'EOF'
import sys
import troth
with troth.connect(sys.argv[1]).transaction(wait="applied") as t:
    t["north"].execute("UPDATE a SET v = v - ?", (3,), expect=1)
    t["south"].execute("UPDATE a SET v = v + ?", (3,), expect=1)
EOF
  [ "$(sqlite3 "$dir/north.db" "SELECT v FROM a") $(sqlite3 "$dir/south.db" "SELECT v FROM a")" = "90 110" ] || { echo "wrong sums after Python" >&2; return 1; }
  for pid in "${pids[@]}"; do kill "$pid"; done
  for pid in "${pids[@]}"; do wait "$pid"; done
  pids=()
}
mkdir "$work/root"
for deb in "$build"/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
one_transaction "$work/root" "$work/unpacked"
echo "PACKAGES unpacked: one transaction committed, and one from Python"
for page in "$work"/root/usr/share/man/man*/*; do zcat -f "$page" | man --warnings -l - >/dev/null; done
echo "PACKAGES man pages render"
install_all() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --allow-downgrades --reinstall "$@" >/dev/null; }
if [ $system = yes ]; then
  # The version before: the same files, so that what is tried is what the packages' scripts do with them.
  mkdir "$work/older"
  for deb in "$build"/*.deb; do
    dpkg-deb -R "$deb" "$work/repack"
    sed -i 's/^Version: .*/Version: 0.0.1-1/' "$work/repack/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$work/repack" "$work/older/$(basename "$deb")" >/dev/null
    rm -rf "$work/repack"
  done
  install_all "$work"/older/*.deb
  [ "$(dpkg-query -W -f='${Version}' troth-server)" = 0.0.1-1 ] || { echo "not installed" >&2; exit 1; }
  [ "$(stat -c %U:%a /var/lib/troth)" = troth:750 ] || { echo "/var/lib/troth is not the daemons' own" >&2; exit 1; }
  getent passwd troth >/dev/null || { echo "there is no user troth" >&2; exit 1; }
  one_transaction "" "$work/installed"
  if command -v systemd-analyze >/dev/null; then
    systemd-analyze verify --man=no /lib/systemd/system/troth-coordinator.service /lib/systemd/system/troth-participant@.service
    echo "PACKAGES systemd reads the units"
  fi
  touch /var/lib/troth/a-promise
  echo "# of this site" >>/etc/troth/coordinator.conf
  install_all "$build"/*.deb
  [ "$(dpkg-query -W -f='${Version}' troth-server)" != 0.0.1-1 ] || { echo "not upgraded" >&2; exit 1; }
  grep -q "^# of this site" /etc/troth/coordinator.conf || { echo "the upgrade lost the site's settings" >&2; exit 1; }
  one_transaction "" "$work/upgraded"
  dpkg -P troth-server troth-participant troth-cli libtroth-dev python3-troth >/dev/null 2>&1
  [ ! -e /usr/sbin/troth-coordinator ] && [ ! -e /etc/troth/coordinator.conf ] || { echo "purge left files" >&2; exit 1; }
  [ -e /var/lib/troth/a-promise ] || { echo "purge removed what was promised to others" >&2; exit 1; }
  rm /var/lib/troth/a-promise
  echo "PACKAGES installed, used, upgraded, used, purged; settings and state stayed"
fi
echo "PACKAGES ok"
