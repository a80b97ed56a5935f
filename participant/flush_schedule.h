#pragma once
// When the database file is committed, and which applies wait for that (participant.md 5.6 and
// 8.1). The worker's jobs pass through here.

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "participant/engine_options.h"
#include "participant/worker_port.h"
#include "protocol/record_log.h"

namespace troth::participant {

/// Invariant: the SQLite COMMIT that carries marker X starts only when the log is durable through
/// X. Otherwise a power cut could keep the file's newer state and lose the COMMITTED record.
/// Owned by the engine and touched by its thread alone.
class FlushSchedule {
 public:
  FlushSchedule(const EngineOptions& options, protocol::DurableLog& log, WorkerPort& worker)
      : options_(options), log_(log), worker_(worker) {}

  // what branches bring
  void execute(ExecuteRequest&& request);
  /// The worker has answered, or will not answer.
  void execute_ended() { --jobs_out_; }
  /// Its COMMITTED or ONE_PHASE record is appended: until the file holds it, it is unflushed.
  void committed(Lsn lsn, const Gtid& gtid) { unflushed_.emplace_back(lsn, gtid); }
  void apply(const ApplyJob& apply, Now now);
  /// A coordinator waits until the file holds the applied work.
  void await_file() { file_awaited_ = true; }
  bool file_awaited() const { return file_awaited_; }

  // rounds and timers
  /// `live`: branches that have not ended.
  void flush_if_due(std::size_t live, Now now);
  /// A checkpoint frees nothing until the file's marker has passed its start. After the last commit
  /// (or with aborts alone) no flush would ever move the marker: this one does.
  void move_marker_to(Lsn checkpoint_start);
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);

  // what the worker answers
  /// Returns the branches that the file holds now, in the order of the log.
  std::vector<Gtid> flushed(Lsn marker, Now now);
  /// `more_to_do`: it is wanted once more, even if nothing is committed until then.
  void made_durable(Lsn marker, bool more_to_do, Now now);

  /// The file durably holds every commit at or below it.
  Lsn file_durable() const { return file_durable_; }
  /// Committed in the log, not yet in the file.
  std::size_t unflushed() const { return unflushed_.size(); }
  /// There is applied work that no flush has committed yet.
  bool busy() const { return applies_since_flush_ > 0 || flush_out_; }

 private:
  void post(const ApplyJob& apply);

  const EngineOptions& options_;
  protocol::DurableLog& log_;
  WorkerPort& worker_;
  std::deque<std::pair<Lsn, Gtid>> unflushed_;  // committed, not yet in the file, as in the log
  std::deque<ApplyJob> held_applies_;           // behind a flush that waits for the log
  Lsn highest_apply_;                           // given to the worker since the last flush job
  std::size_t applies_since_flush_ = 0;
  std::size_t jobs_out_ = 0;   // executes the worker has not answered
  bool flush_wanted_ = false;  // no further apply until the log is durable through highest_apply_
  bool flush_out_ = false;
  bool file_awaited_ = false;
  std::optional<MonotonicTime> flush_at_;
  std::optional<MonotonicTime> quiet_at_;  // it has been quiet for long enough
  std::optional<MonotonicTime> durable_at_;
  Lsn flushed_, file_durable_;
};

}  // namespace troth::participant
