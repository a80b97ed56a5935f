// How the clients of an application benchmark speak to the cluster.
#include <fmt/format.h>

#include <thread>

#include "bench/bench_application.h"

namespace troth::cli {

using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr Duration kStatementDeadline = std::chrono::seconds(20);
constexpr Duration kPauseBeforeRetry = std::chrono::milliseconds(20);
constexpr int kAttempts = 200;
constexpr std::uint32_t kServerRetries = 50;

ClientOptions options_for(std::vector<std::string> endpoints) {
  ClientOptions options;
  options.endpoints = std::move(endpoints);
  options.client_name = "troth-bench";
  options.interactive_timeout = std::chrono::seconds(25);
  return options;
}

}  // namespace

std::uint64_t BenchRandom::next() {
  auto z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Statement sql(std::string text, std::vector<Value> params) {
  return {std::move(text), std::move(params), {}};
}

Statement one_row(std::string text, std::vector<Value> params) {
  return {std::move(text), std::move(params), Expectation{RowCount::kExactly, 1}};
}

std::int64_t integer(const StatementResult& result, std::size_t column, std::size_t row) {
  if (row >= result.rows.size() || column >= result.rows[row].size()) return 0;
  const auto* value = std::get_if<std::int64_t>(&result.rows[row][column]);
  return value == nullptr ? 0 : *value;
}

Teller::Teller(std::vector<std::string> endpoints, std::vector<NodeName> participants)
    : client_(options_for(std::move(endpoints))), participants_(std::move(participants)) {}

void Teller::lost(const AbortReason& reason) {
  ++reasons[std::string(to_string(reason.code))];
  if (is_retryable(reason.code) || reason.code == AbortCode::kTimeout) return;
  surprises.push_back(fmt::format("{}: {}", to_string(reason.code), reason.detail));
}

void Teller::away(const Error& error) {
  ++reasons[std::string(to_string(error.code))];
  std::this_thread::sleep_for(kPauseBeforeRetry);
}

class Teller::Attempt final : public Talk {
 public:
  Attempt(Teller& teller, Gtid gtid) : teller_(teller), gtid_(gtid) {}
  std::optional<std::vector<StatementResult>> ask(std::size_t participant,
                                                  std::vector<Statement> statements) override {
    if (over_) return std::nullopt;
    auto reply = teller_.client_.execute(
        gtid_, {teller_.participants_[participant], std::move(statements), 0});
    if (reply && !reply->refusal && !reply->ended) return std::move(reply->results);
    over_ = true;  // its commit was never asked for: whatever happened, it is aborted
    if (!reply) {
      teller_.away(reply.error());
    } else if (reply->refusal) {
      teller_.away(reply->refusal->error);
    } else {
      teller_.lost(reply->ended->reason);
    }
    return std::nullopt;
  }
  bool over() const { return over_; }

 private:
  Teller& teller_;
  Gtid gtid_;
  bool over_ = false;
};

Ended Teller::converse(const std::function<bool(Talk&)>& work) {
  Gtid earlier;
  for (int attempt = 0; attempt < kAttempts && (attempt == 0 || go_on()); ++attempt) {
    if (attempt > 0) ++retries;
    BeginRequest request;
    request.deadline = kStatementDeadline;
    request.retry_of = earlier;
    const auto begun = client_.begin(request);
    if (!begun || begun->refusal) {
      away(begun ? begun->refusal->error : begun.error());
      continue;
    }
    earlier = begun->gtid;
    Attempt talk(*this, begun->gtid);
    const bool wanted = work(talk);
    if (talk.over()) continue;
    if (!wanted) {
      static_cast<void>(client_.rollback(begun->gtid));  // a lost answer changes nothing
      return Ended::kRolledBack;
    }
    const auto reply = client_.commit(begun->gtid);
    if (!reply || reply->refusal) {
      away(reply ? reply->refusal->error : reply.error());
      return Ended::kUnknown;
    }
    if (reply->outcome.outcome == Outcome::kCommitted) return Ended::kCommitted;
    if (reply->outcome.outcome != Outcome::kAborted) return Ended::kUnknown;
    lost(reply->outcome.reason);
  }
  return Ended::kLost;
}

Ended Teller::submit(std::vector<Part> parts) {
  SubmitRequest request;
  request.deadline = kStatementDeadline;
  request.retries = kServerRetries;
  for (auto& part : parts)
    request.branches.push_back({participants_[part.participant], std::move(part.statements), 0});
  const auto reply = client_.submit(request);
  if (!reply) {
    away(reply.error());
    return reply.error().code == ErrorCode::kUnavailable ? Ended::kLost : Ended::kUnknown;
  }
  if (reply->refusal) {
    away(reply->refusal->error);
    return Ended::kLost;
  }
  if (reply->outcome.outcome == Outcome::kCommitted) return Ended::kCommitted;
  if (reply->outcome.outcome != Outcome::kAborted) return Ended::kUnknown;
  lost(reply->outcome.reason);
  return Ended::kLost;
}

Result<std::vector<std::vector<StatementResult>>> Teller::read(std::vector<Part> parts) {
  SubmitRequest request;
  request.deadline = kStatementDeadline;
  request.retries = kServerRetries;
  for (auto& part : parts)
    request.branches.push_back({participants_[part.participant], std::move(part.statements), 0});
  std::string why;
  for (const auto until = SteadyClock::now() + std::chrono::minutes(1);
       SteadyClock::now() < until;) {
    const auto reply = client_.submit(request);
    if (reply && !reply->refusal && reply->outcome.outcome == Outcome::kCommitted) {
      std::vector<std::vector<StatementResult>> rows;
      for (const auto& branch : reply->outcome.results) rows.push_back(branch.results);
      return rows;
    }
    why = !reply           ? reply.error().context
          : reply->refusal ? reply->refusal->error.context
                           : reply->outcome.reason.detail;
    std::this_thread::sleep_for(kPauseBeforeRetry);
  }
  return fail(ErrorCode::kTimeout, "the databases cannot be read: " + why);
}

}  // namespace troth::cli
