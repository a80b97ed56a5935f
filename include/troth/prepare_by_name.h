#pragma once
// The contract *prepare by name*, for databases that keep a prepared transaction by themselves
// (PREPARE TRANSACTION 'name' of PostgreSQL, XA of MariaDB). The name is the gtid. The other
// contract is DeferredApply (resource_manager.h), for databases that cannot.
//
// The life of a branch: execute -> (waits for locks) -> Executed -> prepare -> PreparedByName. Only
// then does the agent write its record and vote. Later commit, or abort, by name. Locks belong to
// the database, from execution to the end of commit or abort.
//
// Asynchronous: no call after open() waits for the database. NamedEvents receives each result when
// it is known. Calls about one name take effect in the order in which they were made; calls about
// different names in any order.

#include <variant>
#include <vector>

#include "troth/resource_manager.h"

namespace troth {

/// The database holds the branch durably under its name: it survives a crash of agent and database,
/// and so do its locks.
struct PreparedByName {
  Gtid gtid;
};
/// The writes of the branch are durable and visible, its locks are free, and the name is gone.
struct CommittedByName {
  Gtid gtid;
};
/// The results of the calls under way are unknown. The agent must stop; its restart asks the
/// database which names are in doubt.
struct ManagerFailed {
  Error error;
};
using NamedEvent =
    std::variant<Executed, Waiting, Granted, PreparedByName, CommittedByName, ManagerFailed>;

class NamedEvents {
 public:
  virtual ~NamedEvents() = default;
  /// From any thread, also from within a call. Must not block.
  virtual void take(NamedEvent event) = 0;
};

/// What open() found in the database.
struct OpenedNames {
  bool is_new = false;         ///< never belonged to an agent
  LogId log_id;                ///< of the log that belongs to it
  NodeName participant;        ///< whose database it is
  std::vector<Gtid> in_doubt;  ///< every name it holds prepared, of this agent
};

/// Called by one thread. Unless stated otherwise as in DeferredApply.
class PrepareByName : public ResourceManager {
 public:
  /// Connects and lists the names in doubt. The two calls of recovery below wait as well. kFenced:
  /// the database belongs to another agent that still runs.
  virtual Result<OpenedNames> open(NamedEvents& events) = 0;
  /// First use of a new database: writes durably which agent owns it.
  virtual Status adopt(const LogId& log_id, const NodeName& participant) = 0;
  /// Recovery, of a name that is in doubt. Returns when it has ended, durably.
  virtual Status finish(const Gtid& gtid, Decision decision) = 0;

  /// -> Executed, perhaps Waiting and Granted before. The agent ignores its redo. After kCommit and
  /// kReadOnly the branch is open and holds its locks.
  virtual void execute(ExecuteRequest request) = 0;
  /// Of an executed branch -> PreparedByName; or Executed with kAbort, and nothing is held.
  virtual void prepare(const Gtid& gtid) = 0;
  /// Of a prepared branch -> CommittedByName. Cannot be refused any more.
  virtual void commit(const Gtid& gtid) = 0;
  /// Drops the branch in any state, also while it is being prepared, and frees its locks. Makes no
  /// event; events of earlier calls about this branch may be left out.
  virtual void abort(const Gtid& gtid) = 0;
};

}  // namespace troth
