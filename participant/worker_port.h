#pragma once
// The arrow between the agent's engine and the thread that owns the database. Jobs in, results out,
// both in batches.

#include <variant>

#include "participant/resource_manager.h"

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
using Job = std::variant<ExecuteJob, ApplyJob, DiscardJob, FlushJob, MakeDurableJob>;

struct Flushed {
  Lsn marker;
};
struct MadeDurable {
  Lsn marker;
};
/// The database and memory may disagree: the process must stop, the restart reads the file.
struct WorkerFailed {
  Error error;
};
using WorkerResult = std::variant<Executed, Waiting, Flushed, MadeDurable, WorkerFailed>;

class WorkerPort {
 public:
  virtual ~WorkerPort() = default;
  virtual void post(Job job) = 0;
};

}  // namespace troth::participant
