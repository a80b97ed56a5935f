#pragma once
// The limits of the statements of one branch: time, also while they are compiled, and memory. Used
// by the thread that works on the branch.

#include <optional>
#include <string_view>

#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/execution_stop.h"
#include "participant/sqlite/statement_watchdog.h"
#include "participant/sqlite/value_work.h"
#include "troth/outcome.h"

namespace troth::participant::sqlite {

class StatementLimits {
 public:
  struct Options {
    Duration statement_timeout{0};  ///< of one statement
    std::uint64_t memory = 0;       ///< of one statement
    std::uint64_t cache = 0;        ///< pages that the statement may bring into the page cache
    Duration change_timeout{0};     ///< of one statement that changes the schema
  };
  /// After `stop` statements end as well, without a limit that was exceeded.
  StatementLimits(const Options& options, const Clock& clock, StatementWatchdog::Post& post,
                  ExecutionStop& stop)
      : options_(options), clock_(clock), post_(post), stop_(stop) {}

  /// The following statements belong to a transaction that is aborted at `deadline`. Statements end
  /// a little earlier, so that their reason arrives before the coordinator stops waiting.
  void begin(std::optional<MonotonicTime> deadline);
  /// The same for statements that change the schema.
  void begin_change(std::optional<MonotonicTime> deadline);
  /// From now on, until the next begin(): a statement ends after `patience`, without a limit that
  /// was exceeded; lost_patience() then.
  void be_patient(Duration patience);
  bool lost_patience() const { return lost_patience_; }
  /// From now to the limit of a statement that begins now.
  Duration left() const;
  /// The limit that the last Compiling or Running met; code kNone: none. It wins over SQLite's own
  /// error, which then says "interrupted" or "out of memory", and over success.
  const AbortReason& exceeded() const { return exceeded_; }

  /// While it lives, SQLite compiles `sql` on this thread, with any connection.
  class Compiling {
   public:
    Compiling(StatementLimits& limits, sqlite3* db, std::string_view sql);
    ~Compiling();
    Compiling(const Compiling&) = delete;
    Compiling& operator=(const Compiling&) = delete;

   private:
    StatementLimits& limits_;
    const MonotonicTime until_;
    AllocationBudget budget_;
  };
  /// While it lives, `db` runs `sql`, and meets no text or blob of more than `longest_value` bytes.
  class Running {
   public:
    Running(StatementLimits& limits, sqlite3* db, std::string_view sql,
            std::int64_t longest_value = ValueWork::kLongest);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    static int progress(void* self);
    StatementLimits& limits_;
    const ExecutionStop::Window window_;
    sqlite3* const db_;
    const int longest_before_;
    const MonotonicTime until_;
    AllocationBudget budget_;
  };

 private:
  Duration timeout() const {
    return changing_ ? options_.change_timeout : options_.statement_timeout;
  }
  AbortReason too_late(const char* done) const;
  AbortReason too_much() const;

  const Options options_;
  const Clock& clock_;
  StatementWatchdog::Post& post_;
  ExecutionStop& stop_;
  bool changing_ = false;  // the schema
  std::optional<MonotonicTime> deadline_, patient_until_;
  bool lost_patience_ = false;
  AbortReason exceeded_;
};

}  // namespace troth::participant::sqlite
