#include "protocol/branch_answers.h"

namespace troth::protocol {

void BranchAnswers::vote(Vote value, const BranchView& branch, BranchEffects& out) const {
  auto& message = out.promise<VoteMessage>(branch.about.coordinator.name);
  message.gtid = branch.about.gtid;
  message.vote = value;
  message.voter = branch.by.position;
  if (value == Vote::kAbort) {
    message.reason = reason_;
  } else {
    message.results = results_;
  }
}

void BranchAnswers::executed(std::uint32_t number, Outcome outcome, const BranchView& branch,
                             BranchEffects& out) const {
  ExecuteResult result;
  result.gtid = branch.about.gtid;
  result.number = number;
  result.executor = branch.by.position;
  if (outcome == Outcome::kAborted) {
    result.reason = reason_;
  } else {
    result.results = results_;
  }
  out.promise(branch.about.coordinator.name, std::move(result));
}

void BranchAnswers::outcome(Outcome value, const BranchView& branch, BranchEffects& out) const {
  const bool committed = value == Outcome::kCommitted;
  const Gtid& gtid = branch.about.gtid;
  if (kind_ == BranchKind::kOnePhase) {
    OnePhaseResult result;
    result.gtid = gtid;
    result.first_gtid = gtid;
    result.outcome = value;
    if (committed) {
      result.results = results_;
      result.applied = applied_;
    } else {
      result.reason = reason_;
    }
    return out.promise(branch.about.coordinator.name, std::move(result));
  }
  TransactionOutcome answer;
  answer.gtid = gtid;
  answer.outcome = value;
  answer.reason = reason_;
  answer.applied = committed && applied_;
  if (committed) answer.results.push_back({branch.by.self, results_});
  out.answer = std::move(answer);
}

void BranchAnswers::done(const BranchView& branch, BranchEffects& out) {
  if (kind_ != BranchKind::kTwoPhase) return outcome(Outcome::kCommitted, branch, out);
  if (!std::exchange(ack_owed_, false)) return;
  out.promise(branch.about.coordinator.name, Ack{branch.about.gtid});
}

}  // namespace troth::protocol
