#pragma once
// Stores entries on a thread of its own, many in one transaction. Reports up to which LSN of the
// log all entries are stored.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::history {

/// Invariant: durable() never covers an entry that is not stored. It waits for missing space; any
/// other failure ends the thread for good. Thread-safe, except start() and finish().
template <class Entry>
class BackgroundWriter {
 public:
  struct Actions {
    /// Stores the entries and the mark together, or nothing.
    std::function<Status(const std::vector<Entry>&, Lsn mark)> store;
    /// After each store. A failure is tried again with the next one.
    std::function<Status()> tidy;
    /// Either of them failed.
    std::function<void()> give_back;
  };

  /// `gather`: how long an entry waits for others.
  explicit BackgroundWriter(Duration gather) : gather_(gather) {}
  ~BackgroundWriter() { finish(); }
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  /// `stored`: the mark in the file; zero: nothing was ever stored there, and marks alone are not.
  void start(Actions actions, Lsn stored) {
    actions_ = std::move(actions);
    durable_ = marked_ = stored;
    unused_ = stored.value == 0;
    thread_ = std::thread([this] { run(); });
  }
  /// Stores the added entries.
  void finish() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  /// False: `most` entries are queued already, or the thread has ended.
  bool add(Entry&& entry, std::size_t most = SIZE_MAX) {
    std::lock_guard lock(mutex_);
    if (failure_ || queue_.size() >= most) return false;
    queue_.push_back({std::move(entry), {}});
    if (queue_.size() == 1 || queue_.size() == kMostAtOnce) wake_.notify_all();
    return true;
  }
  /// Every entry whose records are at or below `lsn` was added before this call. `soon`: a caller
  /// waits for durable() to reach it.
  void mark(Lsn lsn, bool soon) {
    std::lock_guard lock(mutex_);
    marked_ = std::max(marked_, lsn);
    if (!queue_.empty()) queue_.back().mark = marked_;
    if (!soon || soon_ || durable_ >= marked_) return;
    soon_ = true;
    wake_.notify_all();
  }
  /// The newest mark all of whose entries are stored durably.
  Lsn durable() const {
    std::lock_guard lock(mutex_);
    return durable_;
  }
  void restart_at(Lsn end) {
    std::lock_guard lock(mutex_);
    durable_ = marked_ = end;
  }
  std::size_t queued() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }
  /// If set, nothing has been stored since.
  std::optional<Error> failure() const {
    std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  static constexpr std::size_t kMostAtOnce = 4096;
  static constexpr Duration kPauseWithoutSpace = std::chrono::seconds(1);
  struct Queued {
    Entry entry;
    Lsn mark;  // after it; 0: none
  };
  using Lock = std::unique_lock<std::mutex>;

  void run() {
    Lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stopping_ || soon_ || !queue_.empty(); });
      wake_.wait_for(lock, gather_,
                     [&] { return stopping_ || soon_ || queue_.size() >= kMostAtOnce; });
      if (stopping_ && queue_.empty()) return;
      Lsn mark = durable_;
      auto batch = take(mark);
      if (batch.empty() && unused_) {
        durable_ = mark;  // the file says "nothing is stored", which remains true
        continue;
      }
      unused_ = false;
      if (!store(lock, std::move(batch), mark)) return;
    }
  }

  std::vector<Entry> take(Lsn& mark) {
    std::vector<Entry> batch;
    marks_.clear();
    while (!queue_.empty() && batch.size() < kMostAtOnce) {
      mark = std::max(mark, queue_.front().mark);
      marks_.push_back(queue_.front().mark);
      batch.push_back(std::move(queue_.front().entry));
      queue_.pop_front();
    }
    if (queue_.empty()) {  // an entry that was added after this mark has its records above it
      mark = std::max(mark, marked_);
      soon_ = false;
    }
    return batch;
  }

  /// False: the thread ends.
  bool store(Lock& lock, std::vector<Entry>&& batch, Lsn mark) {
    lock.unlock();
    auto status = actions_.store(batch, mark);
    const bool stored = status.has_value();
    if (stored) status = actions_.tidy();
    if (!status) actions_.give_back();
    lock.lock();
    if (stored) durable_ = std::max(durable_, mark);
    if (status) return true;
    if (status.error().code != ErrorCode::kNoSpace) {
      failure_ = status.error();
      return false;
    }
    // The log keeps entries that are not stored. So this can wait for space, and a stop need not
    // wait.
    if (!stored)
      for (auto i = batch.size(); i-- > 0;) queue_.push_front({std::move(batch[i]), marks_[i]});
    wake_.wait_for(lock, kPauseWithoutSpace, [&] { return stopping_; });
    return !stopping_;
  }

  const Duration gather_;
  Actions actions_;
  std::vector<Lsn> marks_;  // of the entries that are being stored

  mutable std::mutex mutex_;  // guards the members below
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  Lsn marked_, durable_;
  bool soon_ = false, stopping_ = false;
  bool unused_ = true;  // nothing was ever stored, and the file says so
  std::optional<Error> failure_;

  std::thread thread_;
};

}  // namespace troth::history
