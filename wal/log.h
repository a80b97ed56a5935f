#pragma once
// The log as engines use it: one appender thread around wal::Writer. Group commit without a timer:
// records that were appended while the previous fsync ran share the next one. An idle engine forces
// on its own thread.

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/measurement.h"
#include "os/mutex.h"
#include "wal/writer.h"

namespace troth::wal {

/// How soon the appender forces a record. kNow: at once. kSoon: with the next record that is kNow, at
/// the latest after 2 ms. kNone: with any later record, at the latest after 200 ms.
enum class Urgency { kNone, kSoon, kNow };

/// Called on the appender thread; must not block.
struct LogCallbacks {
  std::function<void(Lsn)> on_durable;
  /// The log is dead. Nothing after the last on_durable was promised. The process must end with
  /// exit 74. After kFenced it must not end, because it holds the only copy of the records that it
  /// wrote.
  std::function<void(const Error&)> on_failure;
};

struct LogStats {
  std::uint64_t records = 0, forced_records = 0, bytes = 0, syncs = 0, segments = 0;
  Histogram group_records = Histogram::of_sizes();
  Histogram sync_seconds = Histogram::of_seconds();  ///< writing and forcing one group
};

/// For /metrics, under the names both daemons share.
void measure(const LogStats& stats, Measurements& out);

class Log {
 public:
  /// Around a writer that is open; no thread yet.
  explicit Log(std::unique_ptr<Writer> writer);
  ~Log();

  void start(LogCallbacks callbacks);

  /// Any one thread at a time. Returns the record's LSN at once, and wakes the appender if it must.
  Lsn append(std::uint8_t tag, std::string_view payload, Urgency urgency);
  /// The same without waking the appender: nothing may happen before wake(). For a caller that
  /// appends several records in a row.
  Lsn append_quietly(std::uint8_t tag, std::string_view payload, Urgency urgency);
  void wake();
  /// Instead of wake(), on the thread that appends: forces the urgent records here, without the
  /// appender and its two thread switches. Returns the durable LSN; on_durable is not called for
  /// it. Nothing if there is nothing to force, or only the appender may: then wake() it.
  std::optional<Lsn> force_here();
  /// On average over the last few, writing and forcing takes less than 250 us. Thread-safe.
  bool forces_quickly() const { return quick_.load(std::memory_order_relaxed); }
  /// Segments entirely at or below `lsn` may go; done on the appender thread.
  void release_below(Lsn lsn);
  /// Thread-safe.
  Lsn appended() const { return {appended_.load(std::memory_order_acquire)}; }
  Lsn durable() const { return {durable_.load(std::memory_order_acquire)}; }
  Space space() const {
    return low_space_.load(std::memory_order_relaxed) ? Space::kLow : Space::kAmple;
  }
  LogStats stats() const;
  /// For a DirectoryWatch. Thread-safe.
  SegmentRange needed() const { return writer_->needed(); }

  /// Forces everything, seals, joins. Idempotent.
  Status stop();

 private:
  /// Records as a batch holds them, one behind the other.
  struct Pending {
    std::string records;
    std::uint32_t count = 0;
  };
  void run();
  /// Has the appender anything to do? `released`: how far it has released already.
  bool is_due(Lsn released) const TROTH_REQUIRES(mutex_) {
    return !writing_ && (stopping_ || pending_.count > 0 || release_ > released);
  }
  void wait_until_due(Lsn released) TROTH_REQUIRES(mutex_);
  void wait_for_company() TROTH_REQUIRES(mutex_);
  bool write_group(const Pending& group, Lsn release);
  bool write(const Pending& group, Lsn release);
  static void reuse(Pending& group);

  std::unique_ptr<Writer> writer_;  // after start(): by the thread that set writing_
  LogCallbacks callbacks_;
  std::atomic<std::uint64_t> appended_{0};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> low_space_{false};
  std::atomic<bool> quick_{false};

  mutable Mutex mutex_;
  Condition wake_;
  Pending pending_ TROTH_GUARDED_BY(mutex_);
  /// The most urgent pending record.
  struct Due {
    bool now = false, soon = false;
    std::chrono::steady_clock::time_point until;  // while soon
  };
  Due due_ TROTH_GUARDED_BY(mutex_);
  bool writing_ TROTH_GUARDED_BY(mutex_) = false;
  /// How long the appender waits for more records to share the fsync.
  enum class Waits { kNot, kLong, kShort };
  Waits waits_ TROTH_GUARDED_BY(mutex_) = Waits::kNot;
  bool stopping_ TROTH_GUARDED_BY(mutex_) = false;
  bool failed_ TROTH_GUARDED_BY(mutex_) = false;
  Lsn release_ TROTH_GUARDED_BY(mutex_);
  LogStats stats_ TROTH_GUARDED_BY(mutex_);
  Pending here_;       // of force_here(); its memory is used again
  Duration usual_{0};  // by the thread that set writing_: recent time of a force
  std::jthread appender_;
};

}  // namespace troth::wal
