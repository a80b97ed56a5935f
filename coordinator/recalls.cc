#include "coordinator/recalls.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

namespace {

constexpr Duration kPatience = std::chrono::seconds(1);
constexpr Duration kAskAgain = std::chrono::milliseconds(300);
constexpr std::size_t kMostOpen = 1024;

TransactionOutcome unknown_yet(const Gtid& gtid, std::string why) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.reason = {AbortCode::kUnreachable, std::move(why), {}, -1};
  return out;
}

// A coordinator tries a request again that lost a conflict. Participants do not know that.
bool only_an_attempt(const Recalled& answer) {
  return answer.knows == Recalled::Knows::kOutcome && answer.outcome == Outcome::kAborted &&
         answer.idempotency_key.empty() && answer.gtid.decider() == Decider::kCoordinator;
}

std::string forgotten_by(const Recalled& answer) {
  return answer.reason.detail.empty()
             ? "it ended too long ago: the participants remember that it ended, and nothing else"
             : answer.reason.detail;
}

}  // namespace

void Recalls::start(Recall question, Fallback fallback, Done done, Now now) {
  auto asked = core_.participants_ever_met();
  if (asked.empty()) return done(std::move(fallback));
  const Id id{question.gtid, question.idempotency_key};
  auto at = open_.find(id);
  const bool is_new = at == open_.end();
  if (is_new && open_.size() >= kMostOpen)
    return done(fail(ErrorCode::kBusy, "too many unknown transactions are asked for at once"));
  if (is_new) {
    at = open_.emplace(id, Open{}).first;
    auto& open = at->second;
    open.question = std::move(question);
    open.unanswered = std::move(asked);
    open.until = now.monotonic + kPatience;
    open.ask_again = now.monotonic + kAskAgain;
  }
  at->second.clients.push_back({std::move(fallback), std::move(done)});
  if (!is_new) return;
  ask(at->second);
  const auto& unanswered = at->second.unanswered;
  if (std::none_of(unanswered.begin(), unanswered.end(),
                   [&](const auto& name) { return core_.links.is_connected(name); }))
    end_unknown(at);  // nobody will answer
}

void Recalls::ask(const Open& open) {
  for (const auto& name : open.unanswered)
    if (core_.links.is_connected(name)) core_.gate.send(name, Recall(open.question));
}

void Recalls::on_recalled(const NodeName& from, const Recalled& answer) {
  using Knows = Recalled::Knows;
  const auto at = open_.find({answer.gtid, answer.idempotency_key});
  if (at == open_.end()) return;
  auto& open = at->second;
  std::erase(open.unanswered, from);
  if (only_an_attempt(answer))
    return end(at, unknown_yet(answer.first_gtid,
                               "its participants aborted it; whether its request went on under "
                               "another id, only the coordinator that began it knows"));
  TransactionOutcome outcome;
  outcome.gtid = answer.first_gtid;
  if (answer.knows == Knows::kOutcome) {
    outcome.outcome = answer.outcome;
    outcome.reason = answer.reason;
    outcome.replayed = !answer.idempotency_key.empty();
    return end(at, outcome);
  }
  // Another participant may know more.
  if (answer.knows == Knows::kUndecided) open.undecided = answer.first_gtid;
  if (answer.knows == Knows::kForgotten) open.forgotten = forgotten_by(answer);
  if (!open.unanswered.empty()) return;
  if (!open.undecided.is_nil()) return end_unknown(at);
  if (open.forgotten) {
    outcome.gtid = answer.gtid;
    outcome.reason.detail = *open.forgotten;
    outcome.forgotten_since = WallTime{};
    return end(at, outcome);
  }
  auto clients = std::move(open.clients);
  open_.erase(at);
  for (auto& client : clients) client.done(std::move(client.fallback));
}

// Not every participant has answered, or one is in the middle of it.
void Recalls::end_unknown(Table::iterator at) {
  const auto& open = at->second;
  if (!open.undecided.is_nil())
    return end(at, unknown_yet(open.undecided, "its participants do not know its outcome yet"));
  std::string names;
  for (const auto& name : open.unanswered) names += (names.empty() ? "" : ", ") + name.text();
  end(at, unknown_yet(open.question.gtid,
                      fmt::format("this coordinator does not know it, and {} did not answer for it",
                                  names)));
}

void Recalls::end(Table::iterator at, const TransactionOutcome& outcome) {
  const auto clients = std::move(at->second.clients);
  open_.erase(at);
  for (const auto& client : clients) client.done(outcome);
}

std::optional<MonotonicTime> Recalls::next_wake() const {
  std::optional<MonotonicTime> wake;
  for (const auto& [id, open] : open_) {
    const auto next = std::min(open.ask_again, open.until);
    if (!wake || next < *wake) wake = next;
  }
  return wake;
}

void Recalls::tick(Now now) {
  for (auto at = open_.begin(); at != open_.end();) {
    const auto here = at++;  // it may be erased
    auto& open = here->second;
    if (open.until <= now.monotonic) {
      end_unknown(here);
    } else if (open.ask_again <= now.monotonic) {
      open.ask_again = now.monotonic + kAskAgain;
      ask(open);
    }
  }
}

}  // namespace troth::coordinator
