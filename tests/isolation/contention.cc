#include "tests/isolation/contention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "tests/isolation/workload.h"

namespace troth::isolation {

namespace {

NodeName place(int n) {
  return NodeName::from_trusted(n == 1 ? "p1" : "p2");
}

BranchRequest bump(int participant, std::int64_t row) {
  return {place(participant), {statement("UPDATE accounts SET v = v + 1 WHERE id = ?1", {row})}, 0};
}

double milliseconds_since(std::int64_t start) {
  return static_cast<double>(now_ns() - start) / 1e6;
}

struct Counts {
  std::atomic<std::size_t> victims{0}, timeouts{0}, broken{0}, attempts{0};
};

void count_loss(Counts& counts, const AbortReason& reason) {
  if (reason.code == AbortCode::kDeadlock) {
    ++counts.victims;
  } else if (reason.code == AbortCode::kTimeout || reason.code == AbortCode::kLockTimeout) {
    ++counts.timeouts;
  } else {
    ++counts.broken;
  }
}

/// One side of a pair: locks `first`, meets the other, wants `second`; comes back with its age
/// until it is through. Its second lock is what the deadlock is about.
class Side {
 public:
  Side(const std::string& endpoint, Counts& counts) : client_(connect(endpoint)), counts_(counts) {}

  /// Locks row `row` at `first`; later attempts do both at once.
  bool open(int first, std::int64_t row) {
    for (int attempt = 0; attempt < 50; ++attempt)
      if (begin() && execute(bump(first, row))) return true;
    return false;
  }
  bool finish(int first, int second, std::int64_t row) {
    if (execute(bump(second, row)) && commit()) return true;
    for (int attempt = 0; attempt < 50; ++attempt)
      if (begin() && execute(bump(first, row)) && execute(bump(second, row)) && commit())
        return true;
    return false;
  }

 private:
  bool begin() {
    ++counts_.attempts;
    BeginRequest request;
    request.retry_of = gtid_;
    const auto reply = client_.begin(request);
    if (!reply || reply->refusal) return false;
    gtid_ = reply->gtid;
    return true;
  }
  bool execute(const BranchRequest& request) {
    const auto reply = client_.execute(gtid_, request);
    if (reply && !reply->refusal && !reply->ended) return true;
    count_loss(counts_, reply && reply->ended ? reply->ended->reason : AbortReason{});
    return false;
  }
  bool commit() {
    const auto reply = client_.commit(gtid_);
    if (reply && reply->outcome.outcome == Outcome::kCommitted) return true;
    count_loss(counts_, reply ? reply->outcome.reason : AbortReason{});
    return false;
  }

  Client client_;
  Counts& counts_;
  Gtid gtid_;
};

class Pairs {
 public:
  Pairs(const std::string& endpoint, const std::string& waiting_at)
      : endpoint_(endpoint),
        one_(endpoint, counts_),
        other_(endpoint, counts_),
        one_shot_(connect(endpoint)),
        p1_(connect(waiting_at)) {}

  /// True if both are through.
  bool run(std::size_t number) {
    const auto row = static_cast<std::int64_t>(number % 200);
    return number % 2 == 0 ? two_conversations(row) : against_prepared(row);
  }
  std::vector<double> times;
  Counts counts_;

 private:
  bool two_conversations(std::int64_t row) {
    if (!one_.open(1, row) || !other_.open(2, row)) return false;
    const auto start = now_ns();
    bool other_done = false;
    std::jthread thread([&] { other_done = other_.finish(2, 1, row); });
    const bool one_done = one_.finish(1, 2, row);
    thread.join();
    times.push_back(milliseconds_since(start));
    return one_done && other_done;
  }

  // The one-shot is prepared at p2 and waits at p1; the older conversation then wants p2.
  bool against_prepared(std::int64_t row) {
    if (!one_.open(1, row)) return false;
    bool other_done = false;
    std::jthread thread([&] {
      SubmitRequest request;
      request.retries = 50;
      request.deadline = std::chrono::seconds(8);
      request.branches = {bump(1, row), bump(2, row)};
      const auto reply = one_shot_.submit(request);
      other_done = reply && reply->outcome.outcome == Outcome::kCommitted;
      if (!reply) return;
      counts_.attempts += reply->outcome.attempts;
      counts_.victims += reply->outcome.attempts - 1;
      if (!other_done) count_loss(counts_, reply->outcome.reason);
    });
    while (!somebody_waits()) std::this_thread::yield();
    const auto start = now_ns();
    const bool one_done = one_.finish(1, 2, row);
    thread.join();
    times.push_back(milliseconds_since(start));
    return one_done && other_done;
  }

  bool somebody_waits() {
    const auto status = p1_.status();
    if (!status) return true;
    return std::any_of(status->counters.begin(), status->counters.end(), [](const auto& counter) {
      return counter.first == "waiting_for_locks" && counter.second > 0;
    });
  }

  std::string endpoint_;
  Side one_, other_;
  Client one_shot_, p1_;
};

double at_percent(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto index = static_cast<std::size_t>(percent / 100 * static_cast<double>(values.size()));
  return values[std::min(index, values.size() - 1)];
}

struct HotResult {
  std::size_t committed = 0;
  std::vector<double> attempts;
};

HotResult run_hot(const std::string& endpoint, std::chrono::seconds duration, std::size_t clients,
                  std::size_t rows) {
  std::mutex mutex;
  HotResult out;
  const auto until = std::chrono::steady_clock::now() + duration;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < clients; ++i)
    threads.emplace_back([&, i] {
      auto client = connect(endpoint);
      tests::Random random(i + 1);
      std::vector<double> attempts;
      while (std::chrono::steady_clock::now() < until) {
        SubmitRequest request;
        request.retries = 1000;
        request.deadline = std::chrono::seconds(8);
        const auto row = static_cast<std::int64_t>(random.below(rows));
        request.branches = {bump(1, row), bump(2, row)};
        const auto reply = client.submit(request);
        if (reply && reply->outcome.outcome == Outcome::kCommitted)
          attempts.push_back(reply->outcome.attempts);
      }
      std::lock_guard lock(mutex);
      out.committed += attempts.size();
      out.attempts.insert(out.attempts.end(), attempts.begin(), attempts.end());
    });
  threads.clear();
  return out;
}

}  // namespace

int deadlock(const std::string& endpoint, const std::string& waiting_at, std::size_t pairs) {
  Pairs run(endpoint, waiting_at);
  std::size_t finished = 0;
  for (std::size_t i = 0; i < pairs; ++i) finished += run.run(i) ? 1 : 0;
  std::printf("victims %zu attempts %zu other_failures %zu median_ms %.1f\n",
              run.counts_.victims.load(), run.counts_.attempts.load(), run.counts_.broken.load(),
              at_percent(run.times, 50));
  std::printf("DEADLOCK pairs %zu finished %zu timeouts %zu p99_ms %.1f\n", pairs, finished,
              run.counts_.timeouts.load(), at_percent(run.times, 99));
  const bool provoked = run.counts_.victims >= pairs * 9 / 10;
  if (!provoked) std::printf("fewer deadlocks than pairs: the test did not provoke them\n");
  return finished == pairs && run.counts_.timeouts == 0 && provoked ? 0 : 1;
}

int hot(const std::string& endpoint, std::chrono::seconds duration, std::size_t clients,
        std::size_t rows) {
  const auto per_second = [&](const HotResult& result) {
    return static_cast<double>(result.committed) / static_cast<double>(duration.count());
  };
  // The limit of one hot row: enough clients to keep it busy, no other row.
  const auto serial = run_hot(endpoint, duration, 4, 1);
  const auto result = run_hot(endpoint, duration, clients, rows);
  const double median = std::max(1.0, at_percent(result.attempts, 50));
  const double most = at_percent(result.attempts, 100);
  std::printf(
      "HOT clients %zu rows %zu per_second %.0f one_row_per_second %.0f attempts_median "
      "%.0f attempts_max %.0f max_over_median %.1f\n",
      clients, rows, per_second(result), per_second(serial), median, most, most / median);
  return per_second(result) >= per_second(serial) / 2 ? 0 : 1;
}

}  // namespace troth::isolation
