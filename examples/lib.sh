# Sourced by the demos: a coordinator c1 and participants p1, p2 beside stock SQLite files, and an audit with stock sqlite3.
# TROTH_BIN names the programs (built with fail points); without it they are built. In network namespaces when `net=yes`.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${TROTH_BIN:-}" ]; then
  bash tests/install-packages.sh
  cmake --preset tests >/dev/null
  cmake --build build-tests --target troth troth-coordinator troth-participant >/dev/null
  TROTH_BIN=$PWD/build-tests/bin
fi
export TROTH_BIN
work=$(mktemp -d "${TMPDIR:-/tmp}/troth-demo-XXXXXX")
net=${net:-no}; tag=td$$; subnet=10.213.$((RANDOM % 250 + 1))
declare -A pid address number=([c1]=1 [p1]=2 [p2]=3)

say() { printf '== %s\n' "$*"; }
die() { printf 'SURPRISE: %s\n' "$*" >&2; exit 1; }
cleanup() {
  for p in "${pid[@]}"; do kill -9 "$p" 2>/dev/null || true; done
  if [ "$net" = yes ]; then
    for n in c1 p1 p2; do ip netns del "$tag-$n" 2>/dev/null || true; done
    for b in 0 1 2; do ip link del "$tag-b$b" 2>/dev/null || true; done
  fi
  rm -rf "$work"
}
trap cleanup EXIT

network() {  # one namespace for each node, all on bridge 0; the caller's own address is .254
  for b in 0 1 2; do ip link add "$tag-b$b" type bridge && ip link set "$tag-b$b" up; done
  ip addr add "$subnet.254/24" dev "$tag-b0"
  for n in c1 p1 p2; do
    ip netns add "$tag-$n"
    ip link add "$tag-$n" type veth peer name eth0 netns "$tag-$n"
    ip link set "$tag-$n" master "$tag-b0" up
    ip -n "$tag-$n" addr add "$subnet.${number[$n]}/24" dev eth0
    ip -n "$tag-$n" link set eth0 up; ip -n "$tag-$n" link set lo up
  done
}
move() { ip link set "$tag-$1" master "$tag-b$2"; }  # NODE BRIDGE: only nodes on the same bridge hear each other
inside() { local n=$1; shift; if [ "$net" = yes ]; then ip netns exec "$tag-$n" "$@"; else "$@"; fi; }

start() {  # NAME [FAILPOINTS]
  local n=$1 flags listen=${address[$1]:-127.0.0.1:0} run=()
  local insecure=false  # the namespaces are this script's own: nobody else is in that network
  if [ "$net" = yes ]; then listen=$subnet.${number[$n]}:7420; run=(ip netns exec "$tag-$n"); insecure=true; fi
  if [ "$n" = c1 ]; then
    flags=(troth-coordinator --participant "p1=${address[p1]}" --participant "p2=${address[p2]}" --resend-interval 100ms --prepare-timeout 5s)
  else
    flags=(troth-participant --database "$work/$n.db" --inquiry-interval 50ms)
  fi
  [ -d "$work/$n.log" ] || "$TROTH_BIN/${flags[0]}" init --data-dir "$work/$n.log" --name "$n" >/dev/null
  : >"$work/$n.out"
  TROTH_FAILPOINTS=${2:-} "${run[@]}" "$TROTH_BIN/${flags[0]}" --data-dir "$work/$n.log" --listen "$listen" --insecure "$insecure" --suspicion-timeout 300ms "${flags[@]:1}" \
    >"$work/$n.out" 2>>"$work/$n.err" & pid[$n]=$!
  disown
  for _ in $(seq 1500); do
    if [ -s "$work/$n.out" ]; then address[$n]=$(sed -E 's/.*"thrift":"([^"]*)".*/\1/' "$work/$n.out"); return 0; fi
    kill -0 "${pid[$n]}" 2>/dev/null || { cat "$work/$n.err" >&2; die "$n does not start"; }
    sleep 0.02
  done
  die "$n did not become ready"
}
gone() { for _ in $(seq 1500); do kill -0 "${pid[$1]}" 2>/dev/null || return 0; sleep 0.02; done; die "$1 still lives"; }
crash() { kill -9 "${pid[$1]}"; gone "$1"; }

cluster() {  # [FAILPOINTS of c1]
  [ "$net" = no ] || network
  for n in p1 p2; do
    sqlite3 "$work/$n.db" "CREATE TABLE accounts(name TEXT PRIMARY KEY NOT NULL, cents INT NOT NULL CHECK(cents >= 0)); INSERT INTO accounts VALUES('alice', 1000);"
    start $n
  done
  start c1 "${1:-}"
}
troth() { local n=$1; shift; inside "$n" "$TROTH_BIN/troth" -e "${address[$n]}" "$@"; }
transfer() {  # PROTOCOL CENTS: from p1 to p2; the exit code says what the client was told
  troth c1 submit --protocol "$1" --timeout "${3:-3s}" --on p1 "UPDATE accounts SET cents = cents - $2" --on p2 "UPDATE accounts SET cents = cents + $2"
}
doubt() { troth "$1" status -o json | sed -nE 's/^ *"in_doubt": *([0-9]+),?.*/\1/p' | head -1; }
why() { troth "$1" txn show "$(troth "$1" txn list --in-doubt -o json | sed -nE 's/.*"txn_id": *"([^"]*)".*/\1/p' | head -1)"; }
within() {  # SECONDS WHAT COMMAND...: polls
  local until=$((SECONDS + $1)) what=$2; shift 2
  until "$@"; do [ $SECONDS -lt $until ] || die "not in time: $what"; sleep 0.05; done
}
free() { [ "$(doubt "$1")" = 0 ]; }
says() { why "$1" 2>/dev/null | tr '\n' ' ' | tr -s ' ' | grep -qi -- "$2"; }
cents() { sqlite3 -readonly "$work/$1.db" "SELECT cents FROM accounts"; }
holds() { [ "$(cents "$1")" = "$2" ]; }
audit() {  # CENTS of p1 in the end: both files tell the same story, and no money was made or lost
  within 20 "p1 is free" free p1; within 20 "p2 is free" free p2
  within 20 "p1 holds $1" holds p1 "$1"; within 20 "p2 holds $((2000 - $1))" holds p2 $((2000 - $1))
  say "audit: p1 $(cents p1), p2 $(cents p2), sum 2000: good"
}
