#pragma once
// The answers of a branch: its vote, its acknowledgement, the outcome if it is decided here, and
// the results of its statements.

#include <utility>
#include <vector>

#include "protocol/branch_effects.h"

namespace troth::protocol {

/// Owns the answers. Every message that it makes is a promise, which waits for the record of the
/// branch's last step. Invariant: an ack leaves only if one is owed. Pure; a part of one Branch.
class BranchAnswers {
 public:
  explicit BranchAnswers(BranchKind kind) : kind_(kind) {}

  BranchKind kind() const { return kind_; }
  const AbortReason& reason() const { return reason_; }
  /// The database file holds its work.
  bool applied() const { return applied_; }
  AnswerAt at() const { return at_; }
  /// The client asked for an answer when the file holds the work, and the file does not yet.
  bool too_early() const { return at_ == AnswerAt::kApplied && !applied_; }

  /// Kept until the branch has ended, so that a duplicate gets the same answer.
  void keep(std::vector<StatementResult>&& results) { results_ = std::move(results); }
  void drop_results() { results_.clear(); }
  void aborted(AbortReason&& reason) { reason_ = std::move(reason); }
  void answer_at(AnswerAt at) { at_ = at; }
  void set_applied() { applied_ = true; }
  void owe_ack() { ack_owed_ = true; }

  void vote(Vote value, const BranchView& branch, BranchEffects& out) const;
  /// To EXECUTE number `number`. kPending: it goes on.
  void executed(std::uint32_t number, Outcome outcome, const BranchView& branch,
                BranchEffects& out) const;
  /// Of a branch that is decided here.
  void outcome(Outcome value, const BranchView& branch, BranchEffects& out) const;
  /// The work is done: an ack if one is owed, or the outcome.
  void done(const BranchView& branch, BranchEffects& out);

 private:
  BranchKind kind_;
  std::vector<StatementResult> results_;
  AbortReason reason_;
  AnswerAt at_ = AnswerAt::kDecided;
  bool ack_owed_ = false;
  bool applied_ = false;
};

}  // namespace troth::protocol
