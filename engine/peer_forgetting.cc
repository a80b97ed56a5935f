#include "engine/peer_forgetting.h"

#include <fmt/format.h>

#include "engine/witnesses.h"
#include "protocol/operators.h"

namespace troth {

using protocol::refused;

Result<ForgetPeerReply> PeerForgetting::plan(const ForgetPeerRequest& request,
                                             const PeerAtHand& peer) {
  const auto& name = request.peer;
  if (!peer.known) return fail(ErrorCode::kNotFound, fmt::format("no peer is called {}", name));
  if (peer.configured)
    return refused(fmt::format(
        "the settings name {}: take it out of them first, and SIGHUP or start this node", name));
  if (peer.connected)
    return refused(fmt::format("{} is connected: stop it first, if it is the right one", name));
  if (!peer.owed.empty()) return refused(peer.owed);
  ForgetPeerReply reply;
  reply.lines = {
      fmt::format("Nothing is owed by {} or to it.", name),
      fmt::format("It is neither shown nor expected any more. What is known of its log is "
                  "forgotten: a node that comes under the name {} later is taken for a new one.",
                  name),
      "Outcomes that only it held stay unknown.",
      fmt::format("next: troth peer forget {} --reason TEXT --confirm {}", name, name)};
  if (!request.dry_run) TROTH_TRY(protocol::check_typed(request.by, request.confirm, name));
  return reply;
}

bool PeerForgetting::forget(const ForgetPeerRequest& request, const PeerAtHand& peer, Done done,
                            Now now) {
  auto reply = plan(request, peer);
  if (request.dry_run) {
    done(std::move(reply));
    return false;
  }
  const Lsn lsn =
      desk_.audit("peer_forget", request.peer.text(), reply ? "ok" : "refused", request.by, now);
  if (!reply) {
    done(std::move(reply));
    return false;
  }
  peers_.forget(request.peer);
  Witnesses(desk_, reports_).forget(request.peer);
  reply->applied = true;
  reply->lines = {fmt::format("{} is forgotten.", request.peer)};
  desk_.when_durable(lsn, [done = std::move(done), reply] { done(reply); });
  return true;
}

}  // namespace troth
