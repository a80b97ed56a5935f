#pragma once
// Drives a database of the contract *prepare by name* with the jobs of the engine, which knows only
// the contract *deferred apply*. An execution is answered when the branch is prepared under its
// name. An apply waits for the flush, and the flush commits by name. The engine asks for a flush
// only when its log is durable through the applied records. So no name is committed before the
// record that decides it is durable.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "os/mutex.h"
#include "participant/job_runner.h"
#include "troth/prepare_by_name.h"

namespace troth::participant {

/// Owns the state between the engine's jobs and the manager's events. Invariant: reports a yes only
/// for a prepared name. One thread calls it, except take().
class NamedRunner final : public JobRunner, public NamedEvents {
 public:
  /// `ring` is called on any thread when a round() is due for an event that has come; must not
  /// block.
  NamedRunner(PrepareByName& manager, std::function<void()> ring)
      : manager_(manager), ring_(std::move(ring)) {}

  Status round(std::deque<Job> jobs, std::vector<WorkerResult>& results) override;
  bool has_more() const override { return false; }
  void take(NamedEvent event) override;
  /// Applied and not committed by name yet.
  std::size_t unflushed() const { return applied_.size() + committing_.size(); }

 private:
  void run(Job&& job, std::vector<WorkerResult>& results);
  void on_executed(Executed&& executed, std::vector<WorkerResult>& results);
  void flush(Lsn settled, std::vector<WorkerResult>& results);
  void end_flush_if_done(std::vector<WorkerResult>& results);

  /// A branch that executes or is being prepared.
  struct Executing {
    bool open = false;            ///< more follows: nothing is prepared yet
    bool recorded = false;        ///< prepared even if it has only read
    std::optional<Executed> yes;  ///< to be reported when it is prepared
  };

  PrepareByName& manager_;
  const std::function<void()> ring_;
  std::map<Gtid, Executing> executing_;
  std::vector<ApplyJob> applied_;  // since the last flush
  std::set<Gtid> committing_;      // of the flush that is under way
  std::optional<Lsn> flushing_;    // its marker
  Lsn flushed_;
  Mutex mutex_;
  std::vector<NamedEvent> events_ TROTH_GUARDED_BY(mutex_);  // not looked at yet
};

}  // namespace troth::participant
