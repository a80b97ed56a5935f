#include "bench/bench_beside.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>

#include "troth/client.h"

namespace troth::cli {

using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr Duration kLongest = std::chrono::minutes(10);
constexpr const char* kSelect =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
    "SELECT count(*), sum(a.balance) FROM n JOIN bench_accounts AS a ON a.id = 1 + n.i % ?2";
constexpr const char* kIndex = "CREATE INDEX bench_history_account ON bench_history(account)";

class LongWork {
 public:
  LongWork(Client& client, Interrupts& interrupts) : client_(client), interrupts_(interrupts) {}

  /// Runs one statement as a transaction; how many seconds it took. kUnavailable: interrupted.
  Result<double> run(const NodeName& participant, Statement statement) {
    SubmitRequest request;
    request.deadline = kLongest;
    request.branches.push_back({participant, {std::move(statement)}, 0});
    const auto began = SteadyClock::now();
    TROTH_TRY(client_.begin_submit(request));
    pollfd answer{client_.submit_fd(), POLLIN, 0};
    constexpr int kLookMs = 50;
    while (::poll(&answer, 1, kLookMs) <= 0)
      if (interrupts_.wait(SteadyClock::now())) return fail(ErrorCode::kUnavailable, "interrupted");
    TROTH_ASSIGN_OR_RETURN(const auto reply, client_.finish_submit());
    if (reply.refusal) return fail(reply.refusal->error);
    const auto& outcome = reply.outcome;
    if (outcome.outcome != Outcome::kCommitted)
      return fail(ErrorCode::kIllegalState, fmt::format("{} at {}: {}", to_string(outcome.outcome),
                                                        participant, outcome.reason.detail));
    return std::chrono::duration<double>(SteadyClock::now() - began).count();
  }

  /// How far the SELECT must count to take about `wanted`.
  Result<std::int64_t> steps_for(const NodeName& participant, std::int64_t accounts,
                                 Duration wanted) {
    constexpr std::int64_t kTrial = 500'000;
    TROTH_ASSIGN_OR_RETURN(const auto took, run(participant, {kSelect, {kTrial, accounts}, {}}));
    const double times = std::chrono::duration<double>(wanted).count() / std::max(took, 1e-3);
    return static_cast<std::int64_t>(static_cast<double>(kTrial) * times);
  }

 private:
  Client& client_;
  Interrupts& interrupts_;
};

}  // namespace

std::string history_schema_sql(std::int64_t rows) {
  return fmt::format(
      "CREATE TABLE bench_history(id INTEGER PRIMARY KEY, account INTEGER NOT NULL);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
      "INSERT INTO bench_history SELECT i, i * 7919 % 1000003 FROM n;",
      rows);
}

Result<BesideReport> measure_beside(const BenchOptions& options,
                                    const std::vector<std::string>& endpoints,
                                    const std::vector<NodeName>& participants,
                                    Interrupts& interrupts) {
  ClientOptions client_options;
  client_options.endpoints = endpoints;
  client_options.client_name = "troth-bench";
  Client client(client_options);
  LongWork work(client, interrupts);
  TROTH_ASSIGN_OR_RETURN(const auto steps, work.steps_for(participants.front(), options.accounts,
                                                          options.select_time));
  BesideReport report;
  Load load(options, endpoints, participants);
  load.start();
  interrupts.wait(SteadyClock::now() + options.warmup);
  load.measure(true);
  const auto began = SteadyClock::now();
  const auto select = work.run(participants.front(), {kSelect, {steps, options.accounts}, {}});
  const auto index = work.run(participants.back(), {kIndex, {}, {}});
  load.measure(false);
  report.seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  report.load = load.stop();
  if (!select) return fail(select.error(), "the long SELECT");
  if (!index) return fail(index.error(), "CREATE INDEX");
  report.select_seconds = *select;
  report.index_seconds = *index;
  return report;
}

}  // namespace troth::cli
