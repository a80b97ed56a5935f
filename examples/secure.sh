#!/usr/bin/env bash
# From nothing to a cluster with TLS and roles: seven commands, then what each certificate may and may not do.
set -euo pipefail
bin=${TROTH_BIN:-$(cd "$(dirname "$0")/.." && pwd)/build/bin}
PATH=$bin:$PATH
work=$(mktemp -d); cd "$work"
pids=(); trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
say() { echo "== $*"; }
die() { echo "WRONG: $*"; exit 1; }
address() { for _ in $(seq 300); do sed -n 's/.*"thrift":"\([^"]*\)".*/\1/p' "$1" 2>/dev/null | grep . && return; sleep 0.1; done; cat "$1" >&2; return 1; }

say "a CA, and a certificate for each node and each client"
export TROTH_CA_DIR=$work/ca
troth cert init ca --cluster shop
troth cert node c1 127.0.0.1 localhost --role coordinator
troth cert node stock 127.0.0.1 localhost --role participant
troth cert client web --role app --participant stock:write
troth cert client ann --role operator+observer+auditor

say "two nodes of cluster shop, each with its own directory"
sqlite3 stock.db "CREATE TABLE items(id INTEGER PRIMARY KEY, n INT CHECK(n >= 0)); INSERT INTO items VALUES (7, 10)"
troth-participant init --data-dir stock --name stock --cluster shop >/dev/null
troth-participant --data-dir stock --database stock.db --listen 127.0.0.1:0 --tls-dir ca/issued/stock >stock.ready 2>stock.log & pids+=($!)
at_stock=$(address stock.ready)
troth-coordinator init --data-dir c1 --name c1 --cluster shop >/dev/null
troth-coordinator --data-dir c1 --participant "stock=$at_stock" --listen 127.0.0.1:0 --tls-dir ca/issued/c1 >c1.ready 2>c1.log & pids+=($!)
at_c1=$(address c1.ready)
export TROTH_ENDPOINT=$at_c1

say "the application takes an item"
troth --tls-dir ca/issued/web submit --on stock "UPDATE items SET n = n - 1 WHERE id = 7" --expect "rows = 1"
[ "$(sqlite3 stock.db "SELECT n FROM items")" = 9 ] || die "the item is still there"

refused() { # SENTENCE COMMAND...
  local sentence=$1 said; shift
  if said=$("$@" 2>&1); then die "permitted: $*"; fi
  grep -qF "$sentence" <<<"$said" || die "$* says: $said"
  echo "   refused: $(head -1 <<<"$said")"
}
say "it may neither change the schema nor look at the node"
refused "no permission for submit" troth --tls-dir ca/issued/web sql stock "DROP TABLE items"
refused "no permission for read_status" troth --tls-dir ca/issued/web status
say "the operator looks, drains and resumes, and writes nothing"
troth --tls-dir ca/issued/ann status
troth --tls-dir ca/issued/ann participant drain stock --reason "a look at its disk"
troth --tls-dir ca/issued/ann participant resume stock
refused "no permission for submit" troth --tls-dir ca/issued/ann submit --on stock "UPDATE items SET n = 0"
troth --tls-dir ca/issued/ann audit
say "without a certificate nothing is answered"
refused "does it speak TLS?" troth status
say "the application's certificate is revoked"
cp -r ca/issued/web stolen
troth cert revoke web
for _ in $(seq 100); do grep -q "certificates reloaded" c1.log && break; sleep 0.1; done
refused "was revoked" troth --tls-dir stolen submit --on stock "UPDATE items SET n = 0"
[ "$(sqlite3 stock.db "SELECT n FROM items")" = 9 ] || die "changed without permission"
troth cert show
echo "== OK: encrypted, and each does what its role says"
