#include "participant/greetings.h"

#include "engine/greeting_reply.h"
#include "engine/witnesses.h"

namespace troth::participant {

using namespace protocol;

HelloReply Greetings::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = core_.peers.on_hello(hello, core_.reaches(), reply);
  judge(judgement, hello.name, now);
  if (!goes_on(judgement, hello.name, core_.standing, core_.reports, now.monotonic, reply))
    return reply;
  parts_.members.heard(hello.name, now.monotonic);
  on_reachable(hello.name, now);
  return reply;
}

bool Greetings::on_reply(const NodeName& peer, const HelloReply& reply, Now now) {
  const auto judgement = core_.peers.on_reply(peer, reply, core_.reaches());
  judge(judgement, peer, now);
  if (!judgement.refusal.empty() && !judgement.repeated)
    core_.reports.log().warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  if (core_.standing.stopped() || !judgement.refusal.empty()) return false;
  parts_.members.heard(peer, now.monotonic);
  on_reachable(peer, now);
  return true;
}

void Greetings::judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now) {
  for (const auto& record : judgement.to_append) core_.append(record);
  Witnesses(parts_.by_hand.desk(), core_.reports).judge(judgement, peer, now);
  if (judgement.lost_memory) {
    if (const auto claim = core_.standing.quarantine().raise(*judgement.lost_memory, now.wall)) {
      core_.append(*claim);
      core_.reports.alarm(core_.standing.quarantine().reason(), {});
      parts_.branches.end_local_all(core_.standing.failure());
    }
  }
  if (!judgement.reach_at.empty()) {
    parts_.links.greeted(peer);
    core_.transport.heard_from(peer, judgement.reach_at, judgement.proved);
  }
  if (judgement.restarted && !core_.standing.stopped())
    parts_.messages.drop_open_branches(peer, now);
}

// The peer is back: branches in doubt ask it at once instead of after their back-off.
void Greetings::on_reachable(const NodeName& peer, Now now) {
  parts_.members.on_reachable(peer, now);
  parts_.by_hand.ask_soon(now);
}

}  // namespace troth::participant
