#!/usr/bin/env bash
# Three SQLite databases, three agents, one coordinator; orders that must be everywhere or nowhere; kill -9 in the middle; an audit with
# the stock sqlite3 tool. Exits non-zero if it finds half a transaction.   --orders N (default 60)   --keep (leave the files)
set -euo pipefail
cd "$(dirname "$0")/.."
orders=60; keep=no
while [ $# -gt 0 ]; do
  case $1 in
    --orders) orders=${2:?--orders needs a number}; shift ;;
    --keep) keep=yes ;;
    *) echo "usage: bash examples/quickstart.sh [--orders N] [--keep]" >&2; exit 64 ;;
  esac
  shift
done
say() { printf '\n== %s\n' "$*"; }

say "1/6  building (packages first, if any are missing)"
bash tests/install-packages.sh
cmake --preset release >/dev/null
cmake --build build --target troth_installable   # afterwards: cmake --install build
bin=$PWD/build/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/troth-quickstart-XXXXXX")
declare -A pid address
cleanup() {
  for p in "${pid[@]}"; do kill -9 "$p" 2>/dev/null || true; done
  if [ "$keep" = yes ]; then echo "files kept in $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT

say "2/6  three databases, made with the stock sqlite3 tool"
sqlite3 "$work/stock.db" "CREATE TABLE items(id INTEGER PRIMARY KEY, n INT NOT NULL CHECK(n >= 0)); INSERT INTO items VALUES(1, 1000), (2, 3);"
sqlite3 "$work/accounts.db" "CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INT NOT NULL CHECK(cents >= 0)); INSERT INTO accounts VALUES(1, 1000000), (2, 500);"
sqlite3 "$work/ledger.db" "CREATE TABLE entries(order_id TEXT PRIMARY KEY NOT NULL, item INT NOT NULL, account INT NOT NULL, cents INT NOT NULL);"
ls "$work"

wait_ready() {  # NAME: waits for its JSON line and keeps the address
  for _ in $(seq 300); do
    if [ -s "$work/$1.out" ]; then address[$1]=$(sed -E 's/.*"thrift":"([^"]*)".*/\1/' "$work/$1.out"); return 0; fi
    kill -0 "${pid[$1]}" 2>/dev/null || { cat "$work/$1.err" >&2; return 1; }
    sleep 0.02
  done
  echo "$1 did not become ready" >&2; return 1
}
start_agent() {
  : >"$work/$1.out"
  "$bin/troth-participant" --data-dir "$work/$1.log" --database "$work/$1.db" --listen "${address[$1]:-127.0.0.1:0}" --inquiry-interval 100ms \
    >"$work/$1.out" 2>>"$work/$1.err" & pid[$1]=$!
  disown; wait_ready "$1"
}
crash() {  # NAME: kill -9, and wait until the kernel has freed its locks
  kill -9 "${pid[$1]}"
  while kill -0 "${pid[$1]}" 2>/dev/null; do sleep 0.01; done
}
start_coordinator() {
  : >"$work/c1.out"
  "$bin/troth-coordinator" --data-dir "$work/c1.log" --listen "${address[c1]:-127.0.0.1:0}" \
    --participant "stock=${address[stock]}" --participant "accounts=${address[accounts]}" --participant "ledger=${address[ledger]}" \
    --resend-interval 100ms >"$work/c1.out" 2>>"$work/c1.err" & pid[c1]=$!
  disown; wait_ready c1
}

say "3/6  an agent beside each database, and a coordinator"
for name in stock accounts ledger; do
  "$bin/troth-participant" init --data-dir "$work/$name.log" --name "$name" | cut -d' ' -f1-3
  start_agent "$name"
done
"$bin/troth-coordinator" init --data-dir "$work/c1.log" --name c1 | cut -d' ' -f1-3
start_coordinator
export TROTH_ENDPOINT=${address[c1]}
"$bin/troth" status

order() {  # ID ITEM ACCOUNT CENTS: take stock, charge, write it down. The id is the idempotency key too.
  "$bin/troth" submit --key "$1" --timeout 3s --retries 20 \
    --on stock "UPDATE items SET n = n - 1 WHERE id = ?1" --param "$2" --expect "rows = 1" \
    --on accounts "UPDATE accounts SET cents = cents - ?1 WHERE id = ?2" --param "$4" --param "$3" --expect "rows = 1" \
    --on ledger "INSERT INTO entries VALUES (?1, ?2, ?3, ?4)" --param "text:$1" --param "$2" --param "$3" --param "$4"
}

say "4/6  orders: one that works, three that must fail everywhere"
order first 1 1 1999
echo "-- more than account 2 has:";          order poor 1 2 1999 || true
echo "-- an item nobody has heard of:";       order ghost 99 1 100 || true
echo "-- the same order, sent again: the first answer, nothing done twice"; order first 1 1 1999

say "5/6  $orders orders while the coordinator and an agent are killed with kill -9"
: >"$work/told"
(
  for i in $(seq "$orders"); do
    # Exit 3 = the answer is not known: send it again under its key until it is. Done once, however often it is sent.
    for _ in $(seq 100); do
      code=0; order "order-$i" 1 1 100 >/dev/null 2>&1 || code=$?
      [ "$code" -eq 3 ] || break
      sleep 0.05
    done
    echo "order-$i $code" >>"$work/told"
  done
) & stream=$!
wait_told() { while [ "$(wc -l <"$work/told")" -lt "$1" ] && kill -0 "$stream" 2>/dev/null; do sleep 0.01; done; }
wait_told $((orders / 4))
echo "   kill -9 coordinator c1   (after $(wc -l <"$work/told") orders)"; crash c1; start_coordinator; echo "   c1 is back"
wait_told $((orders / 2))
echo "   kill -9 agent accounts   (after $(wc -l <"$work/told") orders)"; crash accounts; start_agent accounts; echo "   accounts is back"
wait "$stream"
committed=$(grep -c ' 0$' "$work/told" || true); aborted=$(grep -c ' 1$' "$work/told" || true)
unknown=$((orders - committed - aborted))
echo "   the clients were told: $committed committed, $aborted aborted, $unknown unknown"

say "6/6  waiting until nothing is in doubt, then the audit with sqlite3"
for _ in $(seq 500); do
  doubt=0
  for name in c1 stock accounts ledger; do
    n=$("$bin/troth" -e "${address[$name]}" status -o jsonl | sed -E 's/.*"in_doubt":([0-9]+).*/\1/'); doubt=$((doubt + n))
  done
  [ "$doubt" -eq 0 ] && break
  sleep 0.05
done
echo "   in doubt: $doubt"
for name in stock accounts ledger; do kill "${pid[$name]}"; done
for name in stock accounts ledger; do while kill -0 "${pid[$name]}" 2>/dev/null; do sleep 0.02; done; done
entries=$(sqlite3 "$work/ledger.db" "SELECT count(*) FROM entries")
written=$(sqlite3 "$work/ledger.db" "SELECT coalesce(sum(cents), 0) FROM entries")
taken=$(sqlite3 "$work/stock.db" "SELECT 1003 - sum(n) FROM items")
charged=$(sqlite3 "$work/accounts.db" "SELECT 1000500 - sum(cents) FROM accounts")
printf '   %-34s %8s\n' "ledger entries" "$entries" "items taken from stock" "$taken" "cents in the ledger" "$written" "cents charged to accounts" "$charged"
bad=0
[ "$doubt" -eq 0 ] || { echo "FAILED: still in doubt"; bad=1; }
[ "$entries" = "$taken" ] && [ "$written" = "$charged" ] || { echo "FAILED: half a transaction"; bad=1; }
while read -r id code; do
  there=$(sqlite3 "$work/ledger.db" "SELECT count(*) FROM entries WHERE order_id = '$id'")
  if [ "$code" = 0 ] && [ "$there" != 1 ]; then echo "FAILED: $id was told committed and is missing"; bad=1; fi
  if [ "$code" = 1 ] && [ "$there" != 0 ]; then echo "FAILED: $id was told aborted and is there"; bad=1; fi
done <"$work/told"
for id in poor ghost; do [ "$(sqlite3 "$work/ledger.db" "SELECT count(*) FROM entries WHERE order_id = '$id'")" = 0 ] || { echo "FAILED: $id is there"; bad=1; }; done
[ "$bad" -eq 0 ] && echo && echo "Every transaction is everywhere or nowhere. Next: build/bin/troth help examples"
exit "$bad"
