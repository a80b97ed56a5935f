#include "bench/bench_load.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "troth/client.h"

namespace troth::cli {

using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr Duration kDeadline = std::chrono::seconds(30);
constexpr Duration kBatchWait = std::chrono::seconds(60);
constexpr Duration kPauseAfterError = std::chrono::milliseconds(50);
constexpr std::size_t kThreads = 2;  // that speak for all clients, unless there is a rate

Statement statement_of(const BenchOptions& options, std::size_t index, std::size_t participants) {
  const Expectation one_row{RowCount::kExactly, 1};
  if (options.workload == Workload::kReadOnly)
    return {"SELECT balance FROM bench_accounts WHERE id = ?1", {std::int64_t{0}}, one_row};
  // The first account pays one to each of the others: the sum over all databases never changes.
  const std::int64_t amount = index == 0 ? 1 - static_cast<std::int64_t>(participants) : 1;
  return {"UPDATE bench_accounts SET balance = balance + ?2 WHERE id = ?1",
          {std::int64_t{0}, amount},
          one_row};
}

}  // namespace

void LoadResult::add(const LoadResult& other) {
  latency.add(other.latency);
  committed += other.committed;
  aborted += other.aborted;
  conflicts += other.conflicts;
  refused += other.refused;
  unknown += other.unknown;
  wrong += other.wrong;
  for (const auto& [reason, times] : other.reasons) reasons[reason] += times;
  if (example.empty()) example = other.example;
}

TransactionMaker::TransactionMaker(const BenchOptions& options,
                                   const std::vector<NodeName>& participants, std::uint64_t seed)
    : options_(options), state_(seed) {
  blank_.deadline = kDeadline;
  for (std::size_t i = 0; i < participants.size(); ++i)
    blank_.branches.push_back({participants[i], {statement_of(options, i, participants.size())}});
}

std::uint64_t TransactionMaker::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

bool TransactionMaker::make(SubmitRequest& request) {
  const auto accounts =
      static_cast<std::uint64_t>(options_.hot > 0 ? options_.hot : options_.accounts);
  for (auto& branch : request.branches)
    branch.statements[0].params[0] = static_cast<std::int64_t>(next() % accounts + 1);
  const bool fails = next() % 100 < static_cast<std::uint64_t>(options_.abort_percent);
  if (fails) request.branches.back().statements[0].params[0] = std::int64_t{-1};
  return fails;
}

/// One thread: a client, a batch of one or more transactions, and their outcomes.
class Load::Worker {
 public:
  Worker(Load& load, int index)
      : load_(load),
        maker_(load.options_, load.participants_,
               load.options_.seed * 1'000'003 + static_cast<std::uint64_t>(index)),
        client_(client_options(load)),
        requests_(static_cast<std::size_t>(load.options_.batch_of(index)), maker_.blank()),
        must_fail_(requests_.size()),
        intended_(requests_.size()) {
    const double rate = load.options_.rate;
    if (rate <= 0) return;
    interval_ = seconds(load.options_.workers() / rate);
    next_ = SteadyClock::now() + seconds(index / rate);
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto due = wait_until_due(stop);
      if (due == 0) return;
      requests_.resize(due, maker_.blank());
      for (std::size_t i = 0; i < due; ++i) must_fail_[i] = maker_.make(requests_[i]);
      if (load_.options_.in_flight == 0)
        submit_one(stop);
      else
        submit_all(stop);
    }
  }

  /// One of several clients of a thread: sends its next transaction. False: it will not now.
  bool begin() {
    intended_[0] = SteadyClock::now();
    if (intended_[0] < not_before_) return false;
    must_fail_[0] = maker_.make(requests_[0]);
    if (const auto begun = client_.begin_submit(requests_[0]); !begun) {
      count_failed(begun.error(), 1);
      not_before_ = SteadyClock::now() + kPauseAfterError;
      return false;
    }
    return true;
  }
  /// Its answer has come.
  void finish() {
    const auto reply = client_.finish_submit();
    const auto now = SteadyClock::now();
    if (!reply) {
      count_failed(reply.error(), 1);
      not_before_ = now + kPauseAfterError;
      return;
    }
    tally(*reply, 0, now);
    if (reply->refusal) not_before_ = now + reply->refusal->retry_after;
  }
  int fd() const { return client_.submit_fd(); }

  LoadResult result;

 private:
  static ClientOptions client_options(const Load& load) {
    ClientOptions options;
    options.endpoints = load.endpoints_;
    options.client_name = "troth-bench";
    return options;
  }
  static SteadyClock::duration seconds(double value) {
    return std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(value));
  }

  void pause(const std::stop_token& stop, SteadyClock::time_point until) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, stop, until, [] { return false; });
  }

  /// How many to submit now; their intended starts are in intended_. 0: stopped.
  std::size_t wait_until_due(const std::stop_token& stop) {
    auto now = SteadyClock::now();
    if (load_.options_.rate <= 0) {
      for (auto& start : intended_) start = now;
      return intended_.size();
    }
    while (next_ > now) {
      pause(stop, next_);
      if (stop.stop_requested()) return 0;
      now = SteadyClock::now();
    }
    std::size_t due = 0;
    while (due < intended_.size() && next_ <= now) {
      intended_[due++] = next_;
      next_ += interval_;
    }
    return due;
  }

  void submit_one(const std::stop_token& stop) {
    const auto reply = client_.submit(requests_[0]);
    const auto now = SteadyClock::now();
    if (reply)
      tally(*reply, 0, now);
    else
      failed(reply.error(), 1, stop);
    if (reply && reply->refusal) pause(stop, now + reply->refusal->retry_after);
  }

  void submit_all(const std::stop_token& stop) {
    const auto replies = client_.submit_batch(requests_, kBatchWait);
    const auto now = SteadyClock::now();
    if (!replies) return failed(replies.error(), requests_.size(), stop);
    Duration back_off{0};
    for (std::size_t i = 0; i < replies->size(); ++i) {
      tally((*replies)[i], i, now);
      if ((*replies)[i].refusal) back_off = std::max(back_off, (*replies)[i].refusal->retry_after);
    }
    if (back_off > Duration{0}) pause(stop, now + back_off);
  }

  void note(const std::string& reason, const std::string& sentence) {
    ++result.reasons[reason];
    if (result.example.empty()) result.example = sentence;
  }

  void tally(const SubmitReply& reply, std::size_t i, SteadyClock::time_point now) {
    const auto outcome = reply.outcome.outcome;
    const bool as_meant =
        !reply.refusal && outcome == (must_fail_[i] ? Outcome::kAborted : Outcome::kCommitted);
    if (as_meant) load_.finished_.fetch_add(1, std::memory_order_relaxed);
    // A commit of what must fail is a defect at any time.
    if (!reply.refusal && must_fail_[i] && outcome == Outcome::kCommitted) ++result.wrong;
    if (!load_.measuring_) return;
    if (as_meant) {
      ++(must_fail_[i] ? result.aborted : result.committed);
      const auto waited = std::chrono::nanoseconds(now - intended_[i]).count();
      result.latency.record(static_cast<std::uint64_t>(std::max<std::int64_t>(waited, 0)));
    } else if (reply.refusal) {
      ++result.refused;
      note(std::string(to_string(reply.refusal->code)), reply.refusal->error.context);
    } else if (outcome == Outcome::kAborted) {
      ++result.conflicts;
      note(std::string(to_string(reply.outcome.reason.code)), reply.outcome.reason.detail);
    } else if (outcome != Outcome::kCommitted) {
      ++result.unknown;
      note(std::string(to_string(outcome)), "no outcome in time");
    }
  }

  void count_failed(const Error& error, std::size_t transactions) {
    if (!load_.measuring_) return;
    result.unknown += transactions;
    note(std::string(to_string(error.code)), error.context);
  }
  void failed(const Error& error, std::size_t transactions, const std::stop_token& stop) {
    count_failed(error, transactions);
    pause(stop, SteadyClock::now() + kPauseAfterError);
  }

  Load& load_;
  TransactionMaker maker_;
  Client client_;
  std::vector<SubmitRequest> requests_;
  std::vector<char> must_fail_;
  std::vector<SteadyClock::time_point> intended_;
  SteadyClock::duration interval_{0};
  SteadyClock::time_point next_;
  SteadyClock::time_point not_before_;  // after a refusal or an error
  std::mutex mutex_;
  std::condition_variable_any wake_;
};

Load::Load(const BenchOptions& options, std::vector<std::string> endpoints,
           std::vector<NodeName> participants)
    : options_(options), endpoints_(std::move(endpoints)), participants_(std::move(participants)) {}

Load::~Load() = default;

void Load::start() {
  for (int i = 0; i < options_.workers(); ++i)
    workers_.push_back(std::make_unique<Worker>(*this, i));
  // A thread for each client would cost more than the client: the load shares the machine.
  const bool together = options_.in_flight == 0 && options_.rate <= 0 && workers_.size() > 1;
  if (together) {
    const std::size_t threads = std::min(kThreads, workers_.size());
    for (std::size_t t = 0; t < threads; ++t)
      threads_.emplace_back([this, t, threads](const std::stop_token& stop) {
        std::vector<Worker*> clients;
        for (auto i = t; i < workers_.size(); i += threads) clients.push_back(workers_[i].get());
        run_together(clients, stop);
      });
    return;
  }
  for (auto& worker : workers_)
    threads_.emplace_back([&worker = *worker](const std::stop_token& stop) { worker.run(stop); });
}

void Load::run_together(const std::vector<Worker*>& clients, const std::stop_token& stop) {
  constexpr int kLookAroundMs = 20;  // for those that pause
  std::vector<pollfd> waiting(clients.size(), pollfd{-1, POLLIN, 0});
  std::size_t under_way = 0;
  while (true) {
    for (std::size_t i = 0; i < clients.size() && !stop.stop_requested(); ++i) {
      if (waiting[i].fd >= 0 || !clients[i]->begin()) continue;
      waiting[i].fd = clients[i]->fd();
      ++under_way;
    }
    if (under_way == 0 && stop.stop_requested()) return;
    if (::poll(waiting.data(), waiting.size(), kLookAroundMs) <= 0) continue;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      clients[i]->finish();
      waiting[i].fd = -1;
      --under_way;
    }
  }
}

LoadResult Load::stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
  LoadResult all;
  for (const auto& worker : workers_) all.add(worker->result);
  return all;
}

}  // namespace troth::cli
