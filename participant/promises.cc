#include "participant/promises.h"

#include "os/failpoint.h"

namespace troth::participant {

using namespace protocol;

Boxed<TransactionOutcome> Promises::hold(Lsn until, Held&& held) {
  auto due = gate_.hold(until, std::move(held));
  if (!due) return {};
  auto answer = due->take_answer();
  release(std::move(*due));
  return answer;
}

void Promises::hold(Lsn until, const Gtid& gtid, const NodeName& to, Message&& message) {
  Held held;
  held.gtid = gtid;
  held.promises.emplace_back(to, std::move(message));
  hold(until, std::move(held));
}

std::optional<Promises::Kept> Promises::take_durable(Lsn durable) {
  auto due = gate_.take_due(durable);
  if (!due) return std::nullopt;
  Kept kept{due->gtid(), due->take_answer(), due->record()};
  release(std::move(*due));
  return kept;
}

// The record they wait for is durable.
void Promises::release(DurabilityGate::Due&& due) {
  const auto record = due.record();
  if (record == RecordType::kPrepared) TROTH_FAILPOINT("participant.prepared.durable");
  if (record == RecordType::kPrecommitted) TROTH_FAILPOINT("participant.precommitted.durable");
  if (record == RecordType::kCommitted) TROTH_FAILPOINT("participant.committed.durable");
  if (record == RecordType::kOnePhase) TROTH_FAILPOINT("participant.onephase.durable");
  gate_.send(std::move(due), [](const Message& message, const auto& leave) {
    [[maybe_unused]] const bool vote = std::holds_alternative<VoteMessage>(message);
    [[maybe_unused]] const bool ack = std::holds_alternative<Ack>(message);
    leave();
    if (vote) TROTH_FAILPOINT("participant.vote.sent");
    if (ack) TROTH_FAILPOINT("participant.ack.sent");
  });
}

void Promises::publish() {
  gate_.publish({own_.at(log_.durable()), std::nullopt});
}

}  // namespace troth::participant
