#pragma once
// The arrow between the agent's engine and the thread that owns the database. Jobs in, results out,
// both in batches.

#include <variant>
#include <vector>

#include "troth/resource_manager.h"

namespace troth::participant {

struct ExecuteJob {
  ExecuteRequest request;
};
struct ApplyJob {
  Gtid gtid;
  Lsn committed;
};
struct DiscardJob {
  Gtid gtid;
};
/// Precondition: the log is durable through the highest ApplyJob before it.
struct FlushJob {
  Lsn settled;  ///< no commit at or below it is still to be applied; {} = nothing is claimed
};
struct MakeDurableJob {
  Lsn flushed;
};
/// The resource manager has finished something by itself.
struct CollectJob {};
/// For operators: changes nothing.
struct LookAtLocksJob {
  std::uint64_t number = 0;  ///< comes back with the answer
  LockQuery query;
  Gtid owner;  ///< nil: any
};
using Job = std::variant<ExecuteJob, ApplyJob, DiscardJob, FlushJob, MakeDurableJob, CollectJob,
                         LookAtLocksJob>;

struct Flushed {
  Lsn marker;
};
struct MadeDurable {
  Lsn marker;
  ResourceStatus database = {};
};
/// The database and memory may disagree: the process must stop, the restart reads the file.
struct WorkerFailed {
  Error error;
};
/// A CollectJob is wanted.
struct ReadyToCollect {};
struct LocksSeen {
  std::uint64_t number = 0;
  Result<LockPage> page;
};
using WorkerResult = std::variant<Executed, Waiting, Granted, Flushed, MadeDurable, WorkerFailed,
                                  ReadyToCollect, LocksSeen>;

class WorkerPort {
 public:
  virtual ~WorkerPort() = default;
  virtual void post(Job job) = 0;
  /// A DiscardJob for the branch follows, so its execution may end now.
  virtual void cancel(const Gtid& /*gtid*/) {}
  /// The branch's statements run at this moment, so it does not wait for locks.
  virtual bool executes(const Gtid& /*gtid*/) { return false; }
  /// The engine's round is over: its posted jobs should start now, together. An implementation may
  /// start earlier, never later.
  virtual void flush() {}
  /// Instead of flush(), for an idle engine: runs the posted jobs on this thread and appends their
  /// results. Only if the jobs are expected to be quick and no other job runs. False: nothing was
  /// done, use flush().
  virtual bool run_here(std::vector<WorkerResult>& /*results*/) { return false; }
};

}  // namespace troth::participant
