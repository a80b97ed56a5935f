#!/usr/bin/env bash
# Three-phase commit under partitions, in network namespaces: a majority decides, a minority waits; a three-way split decides nothing.
# Without root it runs in a user namespace of its own, where the kernel allows that.
set -euo pipefail
can_split() {  # a bridge can be made, and a program can run in a network namespace (not in every chroot or container)
  ip link add "td-b$$" type bridge 2>/dev/null || return 1
  ip link del "td-b$$"
  ip netns add "td-n$$" 2>/dev/null || return 1
  local works=0; ip netns exec "td-n$$" true 2>/dev/null || works=1
  ip netns del "td-n$$"
  return $works
}
if ! can_split; then
  if [ -z "${TROTH_DEMO_UNSHARED:-}" ] && unshare -rnm true 2>/dev/null; then
    TROTH_DEMO_UNSHARED=1 exec unshare -rnm bash -c 'mount -t tmpfs tmpfs /run && exec bash "$0"' "$0"
  fi
  echo "== SKIPPED: neither root nor user namespaces that run programs in network namespaces: no network can be split here"; exit 77
fi
net=yes
. "$(dirname "$0")/lib.sh"
cluster "coordinator.votes.all_in=sleep:5000"
say "all have voted; c1 is cut off from p1 and p2 before it could say PRECOMMIT"
transfer three_phase 100 15s >"$work/client" 2>&1 & client=$!
for _ in $(seq 400); do [ "$(doubt p1)$(doubt p2)" = 11 ] && break; sleep 0.02; done
move c1 1
within 20 "the majority p1, p2 decides" free p1; within 20 "p2 as well" free p2
holds p1 1000 || die "p1 changed"
say "the majority has aborted; the coordinator returns, and its PRECOMMIT of ballot 1 is refused"
move c1 0
wait "$client" && die "the client was told COMMITTED"
audit 1000
say "the next one is split three ways: nobody has a majority, nobody decides"
transfer three_phase 100 15s >"$work/client" 2>&1 & client=$!
for _ in $(seq 400); do [ "$(doubt p1)$(doubt p2)" = 11 ] && break; sleep 0.02; done
move c1 1; move p1 2
within 20 "p1 says why" says p1 "2 of 3 members unreachable"
why p1 | sed 's/^/   /'
[ "$(doubt p1) $(doubt p2)" = "1 1" ] || die "a minority decided"
say "the split heals"
move c1 0; move p1 0
wait "$client" && left=900 || left=1000
audit "$left"
