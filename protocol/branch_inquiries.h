#pragma once
// The inquiries of a branch that may not decide by itself. It asks its coordinator first, and the
// other members when the coordinator is silent (docs/protocol.md section 6).

#include "base/boxed.h"
#include "protocol/branch_effects.h"
#include "protocol/termination.h"

namespace troth::protocol {

/// Owns which nodes were asked, and how often. Invariant: asks the members only after two
/// unanswered questions to the coordinator in a row, and never in three-phase commit, which has
/// ballots instead. Pure; a part of one Branch.
class BranchInquiries {
 public:
  /// One question.
  void ask(const BranchView& branch, BranchEffects& out);
  /// When the next one is due.
  MonotonicTime next(const BranchView& branch, MonotonicTime now) const;
  /// The same for a branch between two executions. Its ABORT may have been lost. After some silence
  /// it asks, and learns that its coordinator no longer knows it.
  MonotonicTime next_while_open(const BranchView& branch, MonotonicTime now) const {
    return now + backoff(branch.by.inquiry, attempts_ + 1, branch.about.gtid);
  }
  /// A link to a member came up: asks the same members again.
  void ask_members_again(BranchEffects& out) const {
    if (asked_) asked_->ask(out);
  }

  /// The coordinator has been heard of.
  void restart() { attempts_ = 0; }
  void on_answer(InquiryReply::Answer answer, CommitProtocol protocol);
  void on_member_answer(const NodeName& from, MemberAnswer::Knows knows) {
    if (asked_) asked_->on_answer(from, knows);
  }

  /// Questions to the coordinator since it was last heard of.
  std::uint32_t attempts() const { return attempts_; }
  /// The coordinator answers, and cannot prove that its log is whole: it counts as silent.
  bool continuity_not_proven() const { return continuity_not_proven_; }
  /// The members that were asked because the coordinator is silent; empty while it is not.
  const Boxed<CooperativeTermination>& asked() const { return asked_; }
  /// Every other member has voted, so no member acquires locks for the transaction any more.
  bool all_have_voted() const { return asked_ && asked_->all_have_voted(); }

 private:
  std::uint32_t attempts_ = 0;
  bool heard_ = false;  // the coordinator answered the last question
  bool continuity_not_proven_ = false;
  Boxed<CooperativeTermination> asked_;
};

}  // namespace troth::protocol
