// The branch among the other members of its transaction: when the coordinator is silent.
#include <algorithm>

#include "protocol/branch.h"

namespace troth::protocol {

MonotonicTime Branch::next_inquiry(MonotonicTime now) const {
  RetryPolicy pace = settings_.inquiry;
  if (prepared_.protocol == CommitProtocol::kThreePhase)
    pace.first = std::min(pace.first, settings_.heartbeat);
  return now + backoff(pace, std::max<std::uint32_t>(attempts_, 1), prepared_.gtid);
}

void Branch::ask_members(BranchEffects& out) {
  if (prepared_.members.size() < 2) return;
  if (!asked_) asked_.emplace(prepared_.gtid, settings_.self, prepared_.members);
  asked_->ask(out);
}

void Branch::on_inquiry_answered(const InquiryAnswered& event) {
  continuity_not_proven_ = event.answer == InquiryReply::Answer::kContinuityNotProven;
  if (continuity_not_proven_) return;  // as good as silent: the others are asked
  heard_ = true;
  asked_.reset();
  if (prepared_.protocol == CommitProtocol::kThreePhase)
    attempts_ = 0;  // it is alive: keep in touch
}

// Whoever has voted yes decides nothing. Whoever has not may promise never to: that is an abort,
// told to nobody before the promise is durable.
void Branch::on_member_asked(const MemberAsked& event, BranchEffects& out) {
  if (kind_ != Kind::kTwoPhase) return;
  switch (state_) {
    case State::kOpen:
    case State::kExecuting:
      abort_alone({AbortCode::kTombstone,
                   fmt::format("{} asked for it in vain before it had voted", event.from),
                   settings_.self, -1},
                  out);
      [[fallthrough]];
    case State::kAborted:
      refuse_for_ever(out);
      return out.promise(event.from, Decide{prepared_.gtid, Decision::kAbort, {}, reason_});
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

void Branch::refuse_for_ever(BranchEffects& out) {
  if (refused_) return;
  refused_ = true;
  out.append = Record(RefusedRecord{prepared_.gtid});
}

void Branch::on_member_answered(const MemberAnswered& event, BranchEffects& out) {
  if (!asked_) return;
  asked_->on_answer(event.from, event.knows);
  // All have voted, so nobody acquires locks any more: a reader may let go of its own.
  if (state_ == State::kReadOnly && asked_->all_have_voted()) on_release(out);
}

}  // namespace troth::protocol
