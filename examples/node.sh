#!/usr/bin/env bash
# A transaction from Node, sent again under its key while the coordinator is killed with COMMIT on its disk. Exit 77 where node, npm or the
# npm package thrift (Debian has none) cannot be had.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
skip() { say "SKIPPED: $*"; exit 77; }
for tool in node npm thrift; do command -v $tool >/dev/null || skip "no $tool on this machine"; done
say "npm ci, and the client's code generated from thrift/idl/coordinator.thrift"
cp -r examples/node "$work/node"
(cd "$work/node" && npm ci --no-audit --no-fund --ignore-scripts --prefer-offline --fetch-retries=0 --fetch-timeout=5000 >npm.log 2>&1) ||
  skip "npm cannot install: $(grep -m1 'npm error' "$work/node/npm.log" || tail -1 "$work/node/npm.log")"
thrift -r --gen js:node -out "$(mkdir "$work/node/gen" && echo "$work/node/gen")" thrift/idl/coordinator.thrift
cluster "coordinator.commit.durable=kill"
client() { node "$work/node/transfer.js" "${address[c1]}" p1 p2 order-1; }
say "a transfer under the key order-1; the coordinator is killed before it can answer"
client >"$work/first" 2>&1 & running=$!
gone c1
start c1
wait $running || { cat "$work/first" >&2; die "the client gave up"; }
cat "$work/first"
say "the same client again: the first answer, nothing done twice"
client | tee "$work/again"
grep -q '(the first answer to this key)' "$work/again" || die "order-1 was done twice"
[ "$(awk '/^COMMITTED/ {print $2}' "$work/first")" = "$(awk '/^COMMITTED/ {print $2}' "$work/again")" ] || die "two transactions for one key"
audit 990
