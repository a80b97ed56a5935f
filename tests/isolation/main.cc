// troth-workload: what tests/isolation.sh and tests/deadlock.sh run against real daemons.
//   troth-workload isolation HOST:PORT p1,p2,p3 SECONDS CLIENTS SEED
//   troth-workload deadlock HOST:PORT P1_HOST:PORT PAIRS
//   troth-workload hot HOST:PORT SECONDS CLIENTS ROWS
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include "tests/isolation/contention.h"
#include "tests/isolation/workload.h"

namespace troth::isolation {

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

/// Asks until it is known; every daemon is up again.
bool find_out(Client& client, Recorded& record) {
  for (int attempt = 0; attempt < 400; ++attempt) {
    const auto outcome = record.key.empty() ? client.get_outcome(record.gtid)
                                            : client.get_outcome_by_key(record.key);
    if (!outcome && outcome.error().code == ErrorCode::kNotFound && !record.key.empty())
      return true;  // it never began
    if (outcome && outcome->outcome == Outcome::kAborted) return true;
    if (outcome && outcome->outcome == Outcome::kCommitted) {
      record.transaction.ended = Ended::kCommitted;
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

/// Rows of one statement as a transaction of its own, tried for a while.
StatementResult fetch(Client& client, const std::string& participant, const std::string& sql) {
  SubmitRequest request;
  request.deadline = std::chrono::seconds(5);
  request.branches.push_back({NodeName::from_trusted(participant), {statement(sql)}, 0});
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto reply = client.submit(request);
    if (reply && !reply->refusal && reply->outcome.outcome == Outcome::kCommitted)
      return reply->outcome.results.at(0).results.at(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  throw std::runtime_error("cannot read the final state of " + participant);
}

void check_final_sums(Client& client, const Plan& plan, Journal& journal) {
  std::int64_t sum = 0;
  for (const auto& where : plan.participants) {
    sum += std::get<std::int64_t>(
        fetch(client, where, "SELECT sum(v) FROM accounts").rows.at(0).at(0));
    const auto groups = fetch(client, where, "SELECT g, count(*) FROM claims GROUP BY g");
    for (const auto& row : groups.rows)
      if (std::get<std::int64_t>(row.at(1)) > Plan::kGroupLimit)
        journal.anomaly(fmt::format("phantom: a group of {} at {} has {} rows", Plan::kGroupLimit,
                                    where, std::get<std::int64_t>(row.at(1))));
  }
  const auto expected =
      static_cast<std::int64_t>(plan.participants.size()) * Plan::kAccounts * Plan::kStartBalance;
  if (sum != expected)
    journal.anomaly(fmt::format("lost update: the sum is {}, not {}", sum, expected));
}

int isolation(const Plan& plan) {
  Journal journal;
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < plan.clients; ++i)
      threads.emplace_back([&, i] { Session(plan, journal, i).run(began + plan.duration); });
  }
  // The driver starts what it killed and says so.
  std::printf("RAN\n");
  std::fflush(stdout);
  static_cast<void>(std::getchar());
  auto client = connect(plan.endpoint);
  std::vector<Transaction> history;
  for (auto& record : journal.records) {
    if (record.unknown && !find_out(client, record))
      journal.anomaly(fmt::format("the outcome of {} is still unknown",
                                  record.key.empty() ? record.gtid.text() : record.key));
    history.push_back(std::move(record.transaction));
  }
  Lists lists;
  for (const auto& where : plan.participants)
    for (const auto& row : fetch(client, where, "SELECT k, v FROM lists").rows)
      lists[{where, std::get<std::int64_t>(row.at(0))}] =
          parse_list(std::get<std::string>(row.at(1)));
  check_final_sums(client, plan, journal);
  for (auto& found : check(history, lists)) journal.anomaly(std::move(found));
  for (std::size_t i = 0; i < journal.anomalies.size() && i < 20; ++i)
    std::printf("ANOMALY %s\n", journal.anomalies[i].c_str());
  const auto& totals = journal.totals;
  std::printf(
      "committed %llu aborted %llu unknown %llu deadlocks %llu timeouts %llu "
      "commit_ratio %.3f per_second %.0f\n",
      static_cast<unsigned long long>(totals.committed),
      static_cast<unsigned long long>(totals.aborted),
      static_cast<unsigned long long>(totals.unknown),
      static_cast<unsigned long long>(totals.deadlocks),
      static_cast<unsigned long long>(totals.timeouts),
      static_cast<double>(totals.committed) / std::max(1.0, static_cast<double>(totals.started)),
      static_cast<double>(totals.committed) / static_cast<double>(plan.duration.count()));
  std::printf("ISOLATION transactions %llu ANOMALIES %zu\n",
              static_cast<unsigned long long>(totals.started), journal.anomalies.size());
  return journal.anomalies.empty() ? 0 : 1;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 6 && words[0] == "isolation") {
    Plan plan;
    plan.endpoint = words[1];
    plan.participants = split(words[2]);
    plan.duration = std::chrono::seconds(std::stoi(words[3]));
    plan.clients = std::stoul(words[4]);
    plan.seed = std::stoull(words[5]);
    return isolation(plan);
  }
  if (words.size() == 4 && words[0] == "deadlock")
    return deadlock(words[1], words[2], std::stoul(words[3]));
  if (words.size() == 5 && words[0] == "hot")
    return hot(words[1], std::chrono::seconds(std::stoi(words[2])), std::stoul(words[3]),
               std::stoul(words[4]));
  std::fprintf(stderr, "see the first lines of tests/isolation/main.cc\n");
  return 64;
}

}  // namespace

}  // namespace troth::isolation

int main(int argc, char** argv) {
  try {
    return troth::isolation::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 70;
  }
}
