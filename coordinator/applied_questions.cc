#include "coordinator/applied_questions.h"

#include <algorithm>

#include "protocol/retry.h"

namespace troth::coordinator {

using namespace protocol;

void AppliedQuestions::tell(const TransactionOutcome& known, bool applied, SubmitDone& done) {
  SubmitReply reply;
  reply.outcome = known;
  reply.outcome.applied = applied;
  done(std::move(reply));
}

void AppliedQuestions::ask(const TransactionOutcome& known, const NodeName& participant,
                           MonotonicTime deadline, SubmitDone&& done, Now now) {
  if (waiting_ >= core_.options.max_in_flight || core_.standing.draining())
    return tell(known, false, done);
  auto& question = questions_[known.gtid];
  question.participant = participant;
  question.known = known;
  question.waiting.emplace_back(deadline, std::move(done));
  ++waiting_;
  wake_by(deadline);
  if (question.attempts == 0) send(known.gtid, question, now);
}

void AppliedQuestions::send(const Gtid& gtid, Question& question, Now now) {
  core_.gate.send(question.participant, InquireOnePhase{gtid});
  question.next_ask = now.monotonic + backoff(core_.options.resend, ++question.attempts, gtid);
  wake_by(question.next_ask);
}

// A participant that has forgotten the transaction says with `applied` that none of its work is
// left to do. One that denies it has lost its trace, which is no answer to this question.
void AppliedQuestions::on_result(const NodeName& from, const OnePhaseResult& result) {
  const auto found = questions_.find(result.gtid);
  if (found == questions_.end() || found->second.participant != from) return;
  const bool definite = result.forgotten || result.outcome == Outcome::kAborted ||
                        (result.outcome == Outcome::kCommitted && result.applied);
  if (!definite) return;  // it is asked again
  auto question = std::move(found->second);
  questions_.erase(found);
  waiting_ -= question.waiting.size();
  const bool applied =
      result.applied && (result.forgotten || result.outcome == Outcome::kCommitted);
  for (auto& [deadline, done] : question.waiting) tell(question.known, applied, done);
}

void AppliedQuestions::end_all() {
  waiting_ = 0;
  for (auto& [gtid, question] : std::exchange(questions_, {}))
    for (auto& [deadline, done] : question.waiting) tell(question.known, false, done);
}

void AppliedQuestions::tick(Now now) {
  if (!wake_ || now.monotonic < *wake_) return;
  wake_.reset();
  std::vector<std::pair<TransactionOutcome, SubmitDone>> late;
  for (auto at = questions_.begin(); at != questions_.end();) {
    auto& question = at->second;
    for (auto& [deadline, done] : question.waiting)
      if (deadline <= now.monotonic) late.emplace_back(question.known, std::move(done));
    std::erase_if(question.waiting,
                  [&](const auto& waiting) { return waiting.first <= now.monotonic; });
    if (question.waiting.empty()) {
      at = questions_.erase(at);
      continue;
    }
    for (const auto& [deadline, done] : question.waiting) wake_by(deadline);
    if (question.next_ask <= now.monotonic) send(at->first, question, now);
    wake_by(question.next_ask);
    ++at;
  }
  waiting_ -= late.size();
  for (auto& [known, done] : late) tell(known, false, done);
}

}  // namespace troth::coordinator
