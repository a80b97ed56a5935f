#include "coordinator/peer_traffic.h"

#include "engine/greeting_reply.h"
#include "engine/witnesses.h"
#include "protocol/packed_message.h"

namespace troth::coordinator {

using namespace protocol;

void PeerTraffic::adopt(const recovery::CoordinatorTables& tables, Now now) {
  for (const auto& [name, peer] : tables.peers) core_.peers.adopt(peer);
  core_.peers.adopt(tables.lives, tables.adopted, core_.log.appended());
  core_.peers.adopt(tables.claims);
  core_.standing.quarantine().adopt(tables.claims);
  stop_deciding(now);
}

// This node decides nothing any more, and sends no decision. Clients that wait hear that it is not
// known.
void PeerTraffic::stop_deciding(Now now) {
  if (!core_.standing.stopped()) return;
  const auto reason = core_.standing.reason();
  core_.reports.alarm(reason, {});
  const AbortReason why{AbortCode::kDraining, reason, core_.options.name, -1};
  for (auto& [gtid, txn] : parts_.tables.live) {
    TransactionOutcome unknown;
    unknown.gtid = gtid;
    unknown.outcome = Outcome::kInDoubt;
    unknown.reason = why;
    txn.answered = true;
    for (auto& client : std::exchange(txn.clients, {})) client(SubmitReply{std::nullopt, unknown});
  }
  parts_.tables.outcomes.tell_unknown(why);
  parts_.conversations.abort_all(why, now);
  parts_.applied.end_all();
}

void PeerTraffic::stop_for(const Error& error, Now now) {
  if (core_.standing.fail_for(error)) stop_deciding(now);
}

void PeerTraffic::judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now) {
  // Forced: after a restart these records say which participants may hold the outcome of a
  // one-phase transaction. Not counted: `forced_writes` are those of transactions.
  for (const auto& record : judgement.to_append)
    core_.log.append(RecordType::kPeer, encode(Record(record)), Force::kYes);
  Witnesses(parts_.desk, core_.reports).judge(judgement, peer, now);
  if (judgement.agrees) core_.vouchers.add(peer);
  if (judgement.lost_memory) {
    if (const auto claim = core_.standing.quarantine().raise(*judgement.lost_memory, now.wall)) {
      core_.append(*claim);
      stop_deciding(now);
    }
  }
  if (!judgement.restarted || core_.standing.stopped()) return;
  const Epoch epoch = core_.peers.position_of(peer).epoch;
  parts_.conversations.on_restarted(peer, epoch, now);
  parts_.transactions.on_restarted(peer, epoch, now);
}

HelloReply PeerTraffic::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = core_.peers.on_hello(hello, core_.reaches(), reply);
  judge(judgement, hello.name, now);
  if (!goes_on(judgement, hello.name, core_.standing, core_.reports, now.monotonic, reply))
    return reply;
  // The link may sit out a pause after its last failure.
  if (!hello.address.empty()) core_.gate.heard_from(hello.name, hello.address, judgement.proved);
  parts_.transactions.on_reachable(hello.name, now);
  parts_.lost.tell_what_was_given_up(hello.name);
  return reply;
}

Hello PeerTraffic::make_hello(const NodeName& peer) const {
  return core_.peers.make_hello(peer, core_.own_address, core_.reaches());
}

bool PeerTraffic::on_hello_reply(const NodeName& peer, const HelloReply& reply, Now now) {
  const auto judgement = core_.peers.on_reply(peer, reply, core_.reaches());
  judge(judgement, peer, now);
  if (!judgement.refusal.empty() && !judgement.repeated)
    core_.reports.log().warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  return judgement.refusal.empty() && !core_.standing.stopped();
}

void PeerTraffic::on_link(const LinkStatus& status, Now now) {
  const bool up = status.connected && !core_.links.is_connected(status.peer);
  core_.links.changed(status);
  if (up) parts_.transactions.on_link_up(status.peer, now);
}

void PeerTraffic::on_batch(Batch batch, Now now) {
  if (core_.standing.stopped()) return;
  const auto judgement = core_.peers.on_batch(batch.header);
  judge(judgement, batch.header.sender, now);
  if (!judgement.refusal.empty()) {
    core_.reports.count("stale_refused");
    return core_.reports.log().debug(
        "refused a batch", {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  const NodeName sender = std::move(batch.header.sender);
  take_messages(
      std::move(batch),
      [&](Message&& message) {
        core_.log.heard();
        handle(sender, std::move(message), now);
      },
      [&](const Error& why) {
        core_.reports.count("messages_damaged");
        core_.reports.refused("dropped a message of a peer", sender, "damaged", why.context,
                              now.monotonic);
      });
}

void PeerTraffic::handle(const NodeName& from, Message&& message, Now now) {
  if (core_.options.find(from) == nullptr && !coordinator_takes_from_former(message))
    return core_.reports.count("unauthorized");
  if (const auto* alarmed = std::get_if<Alarm>(&message)) {
    core_.reports.count("amnesia_alarms");
    const auto rank =
        core_.own.minted(alarmed->gtid) ? Alarms::Rank::kReported : Alarms::Rank::kClaim;
    return core_.reports.alarm(alarmed->what, alarmed->gtid, Alarms::Until::kEnded, from, rank);
  }
  if (const auto* executed = std::get_if<ExecuteResult>(&message))
    return parts_.conversations.on_result(from, *executed, now);
  if (const auto* result = std::get_if<OnePhaseResult>(&message)) {
    parts_.applied.on_result(from, *result);
    if (!parts_.transactions.take(from, *result, now))
      parts_.searches.on_result(from, *result, now);
    return;
  }
  if (const auto* recalled = std::get_if<Recalled>(&message))
    return parts_.recalls.on_recalled(from, *recalled);
  if (const auto* wound = std::get_if<Wound>(&message)) {
    if (!parts_.transactions.take(from, *wound, now))
      parts_.inquiries.on_unknown(from, Inquire{wound->gtid}, now);
    return;
  }
  if (std::holds_alternative<Ack>(message)) {
    // The participant has the work after all: the alarm it raised ends.
    core_.reports.end_alarm(gtid_of(message), from);
    parts_.lost.confirmed_after_all(from, gtid_of(message), now);
  }
  if (!parts_.transactions.take(from, message, now))
    parts_.inquiries.on_unknown(from, message, now);
}

}  // namespace troth::coordinator
