#pragma once
// A thread that watches what other threads ask of SQLite. It interrupts a statement at its limit,
// lowers its limits (brake.h), and reports a statement that still runs.

#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "os/mutex.h"
#include "participant/sqlite/brake.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

/// Thread-safe.
class StatementWatchdog {
 public:
  /// What one thread is doing. begin() and end() belong to that thread.
  class Post {
   public:
    struct Times {
      Duration patience;  ///< after it the statement is interrupted, again and again
      Duration left;      ///< no less than patience; what goes on after it counts as silence
      Duration limit;     ///< measures silence: see SilentStatement
    };
    /// `db` runs `sql`, which must live until end().
    void begin(sqlite3* db, std::string_view sql, const Times& times);
    /// From now on `db` is not interrupted any more. True: it was interrupted, and its error says
    /// only that.
    bool end();

   private:
    friend class StatementWatchdog;
    explicit Post(StatementWatchdog& dog) : dog_(dog) {}
    SilentStatement described(MonotonicTime now, SilentStatement::Stage stage) const
        TROTH_REQUIRES(mutex_);

    StatementWatchdog& dog_;
    Mutex mutex_;
    sqlite3* db_ TROTH_GUARDED_BY(mutex_) = nullptr;
    std::string_view sql_ TROTH_GUARDED_BY(mutex_);
    MonotonicTime began_ TROTH_GUARDED_BY(mutex_),
        patient_until_ TROTH_GUARDED_BY(mutex_), until_ TROTH_GUARDED_BY(mutex_);
    Brake brake_ TROTH_GUARDED_BY(mutex_);
    Duration limit_ TROTH_GUARDED_BY(mutex_) = Duration{0};
    /// Counted in looks: a machine that was suspended has lost no time.
    Duration overdue_ TROTH_GUARDED_BY(mutex_) = Duration{0};
    int reports_ TROTH_GUARDED_BY(mutex_) = 0;
  };

  StatementWatchdog();
  ~StatementWatchdog();

  /// The post lives as long as the watchdog.
  Post& add_post();
  /// Called on the watchdog's thread, and on the statement's own when it comes back. Set before
  /// work begins.
  void on_silence(SilenceReport report);

 private:
  void run();
  bool look();  // false: no post is working
  bool look_at(Post& post, MonotonicTime now, std::vector<SilentStatement>& silent) const;
  void tell(const SilentStatement& silent);
  void wake();

  const SystemClock clock_;  // not a simulated one: this is about real threads
  Mutex mutex_;
  Condition changed_;
  std::vector<std::unique_ptr<Post>> posts_ TROTH_GUARDED_BY(mutex_);
  SilenceReport report_ TROTH_GUARDED_BY(mutex_);
  bool stop_ TROTH_GUARDED_BY(mutex_) = false;
  std::atomic<bool> rests_ = false;
  std::thread thread_;
};

/// Names a statement without showing its text: a short digest and the length.
std::string statement_digest(std::string_view sql);

}  // namespace troth::participant::sqlite
