#include "participant/worker.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace troth::participant {

Worker::Worker(std::unique_ptr<DeferredApply> manager,
               std::function<void(std::vector<WorkerResult>)> deliver)
    : manager_(std::move(manager)),
      runner_(*manager_),
      deliver_(std::move(deliver)),
      answer_([this](Executed executed) {
        std::vector<WorkerResult> results;
        results.emplace_back(std::move(executed));
        deliver_(std::move(results));
      }),
      jobs_(std::numeric_limits<std::size_t>::max()) {}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  manager_->on_ready([this] {
    std::vector<WorkerResult> ready;
    ready.emplace_back(ReadyToCollect{});
    deliver_(std::move(ready));
  });
  thread_ = std::jthread([this] { run(); });
}

void Worker::post(Job job) {
  if (auto* execute = std::get_if<ExecuteJob>(&job);
      execute != nullptr && manager_->execute_aside(execute->request, answer_))
    return;
  posted_.push_back(std::move(job));
  if (posted_.size() >= kEnoughToStart) flush();
}

void Worker::flush() {
  if (posted_.empty()) return;
  handed_over_ += posted_.size();
  // The engine bounds the number of branches, and so of jobs. After stop() nothing is owed any
  // more.
  static_cast<void>(jobs_.push_all(std::move(posted_)));
  posted_.clear();
}

bool Worker::is_quick(const Job& job) const {
  if (const auto* execute = std::get_if<ExecuteJob>(&job))
    return manager_->is_quick(execute->request);
  const auto* apply = std::get_if<ApplyJob>(&job);
  return apply != nullptr && manager_->applies_quickly(apply->gtid);
}

bool Worker::run_here(std::vector<WorkerResult>& results) {
  constexpr std::size_t kFew = 4;
  if (posted_.empty() || posted_.size() > kFew || failed_) return false;
  if (done_.load(std::memory_order_acquire) != handed_over_) return false;
  if (!std::all_of(posted_.begin(), posted_.end(),
                   [this](const Job& job) { return is_quick(job); }))
    return false;
  if (auto done = runner_.round(std::exchange(posted_, {}), results); !done) {
    failed_ = true;
    results.emplace_back(WorkerFailed{done.error()});
  }
  return true;
}

void Worker::stop() {
  jobs_.close();
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  std::size_t taken = 0;
  bool more = false;  // work that was taken has not begun
  while (true) {
    // Decisions first: they free locks, and a hot row is bound by how long it stays locked. New
    // work is done in small portions, so that decisions never wait behind a long queue of it.
    auto jobs = jobs_.take_all(more ? std::optional<MonotonicTime>(kAtOnce) : std::nullopt);
    if (failed_) return;               // on the engine's thread
    if (jobs.empty() && !more) break;  // closed
    taken += jobs.size();
    std::vector<WorkerResult> results;
    if (auto done = runner_.round(std::move(jobs), results); !done) {
      results.emplace_back(WorkerFailed{done.error()});
      deliver_(std::move(results));
      return;  // the database and memory may disagree: nothing more is done here
    }
    if (!results.empty()) deliver_(std::move(results));
    more = runner_.has_more();
    // From here on the runner may be the engine's.
    if (!more) done_.store(taken, std::memory_order_release);
  }
  manager_->close();
}

}  // namespace troth::participant
