#pragma once
// Which reads move from the worker to the reader pool, and which of these still wait until the file
// holds the commits before them. Invariant: a read starts when its branch holds its locks and the
// file holds every commit that was applied before. So its snapshot, however late it is taken, shows
// the rows that the locks protect. Worker thread only, except where
// it says otherwise.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "participant/sqlite/reader_pool.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

class LongReads {
 public:
  /// A read that the worker itself runs gives up after this, and moves to a reader.
  static constexpr Duration kPatience = std::chrono::milliseconds(5);

  LongReads(const ReaderPool::Options& options, ReaderPool::Connect connect, const Clock& clock,
            StatementWatchdog& watchdog)
      : bound_(options.queue), pool_(options, std::move(connect), clock, watchdog) {}

  bool exist() const { return pool_.exists(); }
  void on_ready(std::function<void()> ready) { pool_.on_ready(std::move(ready)); }
  /// Takes the statements of `request`. `file_is_current`: nothing is applied and not committed;
  /// else the read begins at file_committed(). Returns its number, 0 if too many wait.
  /// `longest_values`: of each statement, see value_work.h.
  std::uint64_t start(ExecuteRequest& request, std::vector<std::int64_t> longest_values,
                      bool file_is_current);
  /// From any thread: the whole `request` reads at a snapshot, so it needs nothing of the worker.
  /// False: too many wait.
  bool start_aside(ExecuteRequest& request, std::function<void(Executed)> answer);
  void cancel_aside(const Gtid& gtid) { pool_.cancel_answer(gtid); }
  void file_committed();
  void cancel(std::uint64_t number);
  std::vector<ReaderPool::Report> take_reports();
  /// Thread-safe.
  void stop() { pool_.stop(); }
  void close();
  ReaderPool::Counts counts() const;

 private:
  void fill_pool();

  const std::size_t bound_;
  std::deque<ReaderPool::Read> for_file_;  // wait for file_committed()
  std::deque<ReaderPool::Read> for_room_;  // wait for room in the pool
  std::uint64_t next_ = 1;
  std::atomic<std::uint64_t> next_aside_ = std::uint64_t{1} << 63;
  ReaderPool pool_;
};

}  // namespace troth::participant::sqlite
