#pragma once
// Threads with read-only connections of their own, for reads that would keep the worker waiting.
// Each runs the statements of one branch in one read transaction of SQLite: at one snapshot, while
// the worker goes on writing. They see the commits in the file, and nothing undecided.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "os/mutex.h"
#include "participant/sqlite/snapshot_judge.h"
#include "participant/sqlite/statement_run.h"
#include "troth/ids.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

/// Thread-safe.
class ReaderPool {
 public:
  struct Options {
    std::size_t readers = 0;  ///< threads; 0: there is no pool
    std::size_t queue = 0;    ///< reads that wait for a thread; one more is refused
    std::uint64_t max_result_bytes = 0;
    StatementLimits::Options limits;
  };
  using Connect = std::function<Result<std::unique_ptr<Connection>>()>;
  struct Read {
    std::uint64_t number = 0;  ///< of the caller
    Gtid gtid;
    std::vector<Statement> statements;
    std::vector<std::int64_t> longest_values;  ///< of each statement, see value_work.h
    std::optional<MonotonicTime> deadline;
    /// Set: nobody has judged the statements yet, nothing is reported, and this is called, on the
    /// reader's thread.
    std::function<void(Executed)> answer = {};
  };
  struct Report {
    std::uint64_t number = 0;
    Gtid gtid;
    /// Its snapshot is taken: it sees nothing that is committed later. Otherwise it is over.
    bool began = false;
    AbortReason failure;  ///< code != kNone: it has no results
    std::vector<StatementResult> results;
    std::vector<Statement> statements;
    Duration took{0};
  };

  /// `connect` is called on the pool's threads. `ready`, on any thread, when take_reports() has
  /// something; it must not block.
  ReaderPool(const Options& options, Connect connect, const Clock& clock,
             StatementWatchdog& watchdog);
  ~ReaderPool() { close(); }
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  bool exists() const { return options_.readers > 0; }
  /// Before the first read.
  void on_ready(std::function<void()> ready) { ready_ = std::move(ready); }
  /// Takes `read`. False: the queue is full, and `read` is as it was.
  bool start(Read& read);
  /// Nothing more is reported of it.
  void cancel(std::uint64_t number);
  /// The same for a read with an answer of its own.
  void cancel_answer(const Gtid& gtid);
  std::vector<Report> take_reports();
  /// For good: running reads end with a failure, and so do later ones.
  void stop();
  /// stop(), and waits for the threads.
  void close();

  struct Counts {
    std::size_t running = 0, waiting = 0;
  };
  Counts counts() const;

 private:
  // One thread.
  struct Reader {
    ExecutionStop stop;
    std::unique_ptr<Connection> connection;
    std::unique_ptr<SnapshotJudge> judge;
    std::unique_ptr<StatementLimits> limits;
    std::optional<std::uint64_t> running;  // this and the next under the pool's mutex_
    std::optional<Gtid> answers;
    std::jthread thread;
  };

  void work(Reader& reader);
  void run(Reader& reader, Read& read, Report& report);
  void run_at_snapshot(Reader& reader, Read& read, Report& report);
  /// False: the failure says why it does not run.
  static bool compile(Reader& reader, const Read& read, std::size_t number, StatementCall& call,
                      AbortReason& failure);
  /// False: it was cancelled.
  bool tell(Reader& reader, Report&& report);
  void answer(Reader& reader, const Read& read, Report&& report);

  const Options options_;
  const Connect connect_;
  const Clock& clock_;
  std::function<void()> ready_;
  mutable Mutex mutex_;
  Condition changed_;
  std::vector<std::unique_ptr<Reader>> readers_;  // the list itself never changes
  std::deque<Read> queue_ TROTH_GUARDED_BY(mutex_);
  std::vector<Report> reports_ TROTH_GUARDED_BY(mutex_);
  bool closed_ TROTH_GUARDED_BY(mutex_) = false;
};

}  // namespace troth::participant::sqlite
