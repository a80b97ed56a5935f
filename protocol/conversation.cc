#include "protocol/conversation.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace troth::protocol {

namespace {

Conversation::Effects aborted(AbortReason&& reason,
                              Conversation::Cause cause = Conversation::Cause::kBranch) {
  Conversation::Effects out;
  out.aborted = {cause, std::move(reason)};
  return out;
}

AbortReason restarted(const NodeName& participant) {
  return {AbortCode::kStaleEpoch, "restarted in the middle of the transaction", participant, -1};
}

}  // namespace

const Conversation::Touched* Conversation::find(const NodeName& participant) const {
  const auto found = std::find_if(branches_.begin(), branches_.end(),
                                  [&](const auto& b) { return b.participant == participant; });
  return found == branches_.end() ? nullptr : &*found;
}

Conversation::Effects Conversation::execute(const NodeName& participant,
                                            std::vector<Statement>&& statements,
                                            MonotonicTime now) {
  TROTH_ASSERT(!running_, "{}: an EXECUTE is under way at {}", setup_.gtid, running_->participant);
  const auto* branch = find(participant);
  if (branch == nullptr) branch = &branches_.emplace_back(Touched{participant, 0, {}});
  last_use_ = now;
  running_ = Running{};
  auto& running = *running_;
  running.participant = participant;
  running.message.gtid = setup_.gtid;
  running.message.number = branch->executed + 1;
  running.message.priority = setup_.priority;
  running.message.statements = std::move(statements);
  running.message.traceparent = setup_.traceparent;
  Effects out;
  out.send = send(now);
  return out;
}

OutgoingNow Conversation::send(MonotonicTime now) {
  auto& running = *running_;
  running.message.time_left = std::max(Duration{0}, setup_.deadline - now);
  running.next_resend = now + backoff(setup_.resend, ++running.attempts, setup_.gtid);
  return {running.participant, running.message};
}

Conversation::Effects Conversation::on_result(const NodeName& from, const ExecuteResult& result,
                                              MonotonicTime now) {
  const auto branch = std::find_if(branches_.begin(), branches_.end(),
                                   [&](const auto& b) { return b.participant == from; });
  if (branch == branches_.end()) return {};
  auto reason = result.reason;
  if (reason.code == AbortCode::kNone && branch->executed > 0 &&
      branch->epoch != result.executor.epoch)
    reason = restarted(from);
  if (reason.code != AbortCode::kNone) {
    reason.participant = from;
    return aborted(std::move(reason));
  }
  if (!running_ || running_->participant != from || running_->message.number != result.number)
    return {};  // a repetition
  branch->executed = result.number;
  branch->epoch = result.executor.epoch;
  last_use_ = now;
  running_.reset();
  Effects out;
  out.results = result.results;
  return out;
}

Conversation::Effects Conversation::on_restarted(const NodeName& participant, Epoch epoch) const {
  const auto* branch = find(participant);
  if (branch == nullptr || branch->executed == 0 || branch->epoch >= epoch) return {};
  return aborted(restarted(participant));
}

Conversation::Effects Conversation::tick(MonotonicTime now) {
  if (now >= setup_.deadline)
    return aborted({AbortCode::kTimeout, "its deadline passed before it was committed", {}, -1},
                   Cause::kDeadline);
  if (!running_ && now >= last_use_ + setup_.idle_timeout)
    return aborted({AbortCode::kClientCancelled, "its client was silent for too long", {}, -1},
                   Cause::kIdle);
  Effects out;
  if (running_ && now >= running_->next_resend) out.send = send(now);
  return out;
}

MonotonicTime Conversation::next_wake() const {
  const auto wake = running_ ? running_->next_resend : last_use_ + setup_.idle_timeout;
  return std::min(wake, setup_.deadline);
}

}  // namespace troth::protocol
