// The branch among the other members of its transaction: when the coordinator is silent.
#include <utility>

#include "protocol/branch.h"

namespace troth::protocol {

// A member that voted yes decides nothing. Any other member may promise never to vote yes. That
// aborts the transaction; no node hears of it before the promise is durable.
void Branch::on_member_asked(const MemberAsked& event, BranchEffects& out) {
  if (kind() != Kind::kTwoPhase) return;
  switch (state_) {
    case State::kOpen:
    case State::kExecuting:
      abort_alone({AbortCode::kTombstone,
                   fmt::format("{} asked for it in vain before it had voted", event.from),
                   settings_.self, -1},
                  out);
      [[fallthrough]];
    case State::kAborted:
      promised_abort_ = true;
      if (!std::exchange(refused_, true)) out.append = Record(RefusedRecord{prepared_.gtid});
      return out.promise(event.from,
                         Decide{prepared_.gtid, Decision::kAbort, {}, answers_.reason()});
    case State::kCommitting:
    case State::kCommitted:
      return out.promise(event.from,
                         Decide{prepared_.gtid, Decision::kCommit, AnswerAt::kApplied, {}});
    case State::kPrepared:
      if (!event.ballot)
        out.send(event.from, MemberAnswer{prepared_.gtid, MemberAnswer::Knows::kPrepared});
      return;
    case State::kReadOnly:
    case State::kForgotten:
      if (!event.ballot)
        out.send(event.from, MemberAnswer{prepared_.gtid, MemberAnswer::Knows::kReadOnly});
      return;
    case State::kPreparing:  // neither is true yet; it asks again
      return;
  }
}

void Branch::on_member_answered(const MemberAnswered& event, BranchEffects& out) {
  inquiries_.on_member_answer(event.from, event.knows);
  // All have voted, so no member acquires locks any more: a reader may release its own.
  if (state_ == State::kReadOnly && inquiries_.all_have_voted()) on_release(out);
}

}  // namespace troth::protocol
