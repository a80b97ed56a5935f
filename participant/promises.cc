#include "participant/promises.h"

#include "os/failpoint.h"

namespace troth::participant {

using namespace protocol;

void Promises::send(const NodeName& to, Message&& message) {
  if (standing_.stopped()) return;
  reports_.count("messages_sent");
  transport_.send(to, std::move(message));
}

Boxed<TransactionOutcome> Promises::hold(Lsn until, Held&& held) {
  if (!held.record && until <= log_.durable()) {
    release(held.messages, held.record);
    return std::move(held.answer);
  }
  held_.add(until, std::move(held));
  return {};
}

void Promises::hold(Lsn until, const Gtid& gtid, const NodeName& to, Message&& message) {
  Held held;
  held.gtid = gtid;
  held.messages.push_back({to, std::move(message)});
  hold(until, std::move(held));
}

std::optional<Promises::Held> Promises::take_durable(Lsn durable) {
  if (!held_.due(durable)) return std::nullopt;
  auto held = held_.take();
  release(held.messages, held.record);
  return held;
}

// The only way out for votes, acks and answers. The record they wait for is durable.
void Promises::release(std::vector<Outgoing>& messages, const std::optional<RecordType>& record) {
  if (record == RecordType::kPrepared) TROTH_FAILPOINT("participant.prepared.durable");
  if (record == RecordType::kPrecommitted) TROTH_FAILPOINT("participant.precommitted.durable");
  if (record == RecordType::kCommitted) TROTH_FAILPOINT("participant.committed.durable");
  if (record == RecordType::kOnePhase) TROTH_FAILPOINT("participant.onephase.durable");
  for (auto& out : messages) {
    const bool vote = std::holds_alternative<VoteMessage>(out.message);
    const bool ack = std::holds_alternative<Ack>(out.message);
    send(out.to, std::move(out.message));
    if (vote) TROTH_FAILPOINT("participant.vote.sent");
    if (ack) TROTH_FAILPOINT("participant.ack.sent");
  }
}

void Promises::publish() {
  const Lsn durable = log_.durable();
  if (durable == published_) return;
  published_ = durable;
  transport_.publish({{options_.log_id, options_.epoch, durable}, std::nullopt});
}

}  // namespace troth::participant
