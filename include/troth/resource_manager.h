#pragma once
// The seam between the agent and a database (SQLite | PostgreSQL | MariaDB | the application's
// own). There are two contracts. *Deferred apply*, in this file, is for databases that cannot keep
// a prepared transaction: the agent's log keeps the work of the branch, and the agent applies it
// after the decision. *Prepare by name* (prepare_by_name.h) is for databases that can.
//
// A resource manager of deferred apply is single-threaded: the agent's worker thread calls it, one
// call at a time, and gets the answers as events. It owns the lock table of its database. It never
// talks to the log or to the network.
//
// The life of a branch: execute -> (waits for locks) -> Executed. Then either apply (decided
// commit) or discard (abort, or the branch voted read-only and is released). Locks are held from
// execution to apply/discard.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "troth/ids.h"
#include "troth/locks.h"
#include "troth/outcome.h"
#include "troth/result.h"
#include "troth/time.h"
#include "troth/values.h"

namespace troth {

struct ExecuteRequest {
  Gtid gtid;
  Priority priority;
  std::vector<Statement> statements;
  /// More statements follow: keep the work and the locks, prepare nothing yet (the event then says
  /// kReadOnly). The next request of the same branch continues it; a request without this flag (and
  /// without statements) finishes it.
  bool open = false;
  /// The whole transaction: no other node decides about it. Only then may it change the schema.
  bool alone = false;
  /// Its vote is recorded even if it has only read (three-phase commit): give the redo of a
  /// kReadOnly vote as well, which then holds nothing but locks.
  bool recorded = false;
  /// At this time the transaction is aborted anyway: no statement needs to run longer.
  std::optional<MonotonicTime> deadline = std::nullopt;
};

/// The branch has executed, or cannot. For kAbort nothing is held any more; for kCommit and
/// kReadOnly locks are held.
struct Executed {
  Gtid gtid;
  Vote vote = Vote::kAbort;
  AbortReason reason;  ///< for kAbort
  /// For kCommit: everything that apply() and retake() need after a crash, opaque to the agent. It
  /// includes the locks of rows that were only read: the transaction may still be executing at
  /// other participants when this node is back.
  std::string redo;
  std::vector<StatementResult> results;  ///< one per statement, for kCommit and kReadOnly
};

/// The branch waits for locks; nothing was executed. It will be executed when they are granted,
/// unless discarded before.
struct Waiting {
  Gtid gtid;
  std::vector<Gtid> holders;  ///< of the locks that it waits for, oldest first
  std::string resource;       ///< for people: "row 17 of accounts"
};

/// A branch that was reported as Waiting has its locks and goes on, but its Executed may come late:
/// it runs on a thread of its own, or waits for a moment when nothing is applied. From here on only
/// the limits of its statements count. Harmless for a branch that never waited.
struct Granted {
  Gtid gtid;
};

using ResourceEvent = std::variant<Executed, Waiting, Granted>;

/// What open() found in the database.
struct OpenedDatabase {
  bool is_new = false;   ///< no marker row: never belonged to an agent
  LogId log_id;          ///< of the log whose work the file holds
  NodeName participant;  ///< whose file it is
  Lsn applied;           ///< every COMMITTED record with LSN <= applied is in the file
  /// The files that the promises of the database rest on. The agent looks whether these are deleted
  /// or replaced while it runs; flush() and make_durable() return kFenced if they notice.
  std::vector<std::string> files = {};
};

/// One row of the in-memory state, for status screens.
struct ResourceStatus {
  std::size_t branches_waiting = 0;
  std::size_t branches_executed = 0;  ///< executed and neither applied nor discarded
  std::size_t reads_running = 0;      ///< on threads of their own
  std::size_t reads_waiting = 0;      ///< for such a thread, or for the file
  std::size_t locks = 0;
  std::uint64_t open_bytes = 0;  ///< of changed rows that undecided branches keep in memory
  std::uint64_t database_bytes = 0;
  std::uint64_t wal_bytes = 0;
  std::vector<std::string> alarms;  ///< sentences; not empty: a person is needed
  bool more_to_do = false;          ///< make_durable() has left something and is wanted again soon
};

/// A statement that was interrupted at its limit and still runs.
struct SilentStatement {
  enum class Stage {
    kSilent,    ///< for one limit longer
    kHopeless,  ///< for two limits longer: only the end of the process helps
    kCameBack   ///< it was reported, and has ended
  };
  std::string statement;  ///< digest and length of its text
  Duration since{0};      ///< it began
  Stage stage = Stage::kSilent;
};
using SilenceReport = std::function<void(const SilentStatement&)>;

/// What both contracts have in common.
class ResourceManager {
 public:
  virtual ~ResourceManager() = default;

  /// Before open(). `report` is called on any thread and must not block.
  virtual void on_silence(SilenceReport /*report*/) {}
  /// From any thread, once and for good, when the agent stops: ends the statement that is being
  /// executed and refuses later ones with DRAINING. Decided branches are still applied.
  virtual void stop_executing() {}
  virtual ResourceStatus status() const = 0;
  /// The holders and waiters of each lock: gtids and modes. The engine adds the state of each
  /// branch. `owner` nil: any. kInvalidArgument: no such cursor.
  virtual Result<LockPage> locks(const LockQuery&, const Gtid& owner) const {
    static_cast<void>(owner);
    return LockPage{};
  }
  /// Commits nothing; releases the database. After the next open(), recovery applies the decided
  /// branches that the database does not hold yet.
  virtual void close() = 0;
};

/// The contract *deferred apply*.
class DeferredApply : public ResourceManager {
 public:
  /// Before open(): the log and participant that this is for. If the marker names others, open()
  /// returns the marker and does nothing more.
  virtual void belongs_to(const LogId& /*log_id*/, const NodeName& /*participant*/) {}
  /// Opens the database and reads the marker. kBusy if another program keeps it locked for too
  /// long; kUnsupported names what cannot be promised.
  virtual Result<OpenedDatabase> open() = 0;
  /// First use of a new database: writes the marker row durably.
  virtual Status adopt(const LogId& log_id, const NodeName& participant) = 0;

  /// Recovery, before any execute: re-applies a COMMITTED branch whose LSN is above the marker. In
  /// LSN order.
  virtual Status replay(const Gtid& gtid, Lsn committed, const std::string& redo) = 0;
  /// Recovery: takes all locks of a prepared, undecided branch again. kCorruption if the redo no
  /// longer fits the schema.
  virtual Status retake(const Gtid& gtid, const std::string& redo) = 0;

  /// True if executing (or applying) will probably take only tens of microseconds: then the engine
  /// may wait for it. Called by the worker thread or, while that rests, by the engine's thread.
  virtual bool is_quick(const ExecuteRequest& /*request*/) { return false; }
  virtual bool applies_quickly(const Gtid& /*gtid*/) { return false; }

  virtual void execute(ExecuteRequest request, std::vector<ResourceEvent>& events) = 0;
  /// Applies the redo of an executed or retaken branch to the open database transaction and frees
  /// its locks. `committed` is the LSN of its COMMITTED record (need not be durable yet: see
  /// flush). Others that waited are executed and reported in `events`. An error means the database
  /// and memory may disagree: the agent must stop.
  virtual Status apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) = 0;
  /// From any thread: the branch is about to be discarded. Ends the statement that it executes, if
  /// any; apply() and flush() are left alone.
  virtual void cancel(const Gtid& /*gtid*/) {}
  /// From any thread: statements of `gtid` run at this moment, so it does not wait for locks.
  virtual bool executes(const Gtid& /*gtid*/) { return false; }
  /// After open() and before the first execute(), for managers that finish some executions on
  /// threads of their own. The manager calls `ready`, on any thread, when collect() has events;
  /// `ready` does not block.
  virtual void on_ready(std::function<void()> /*ready*/) {}
  /// From any thread, after open(): executes a request that needs neither locks nor the worker,
  /// such as reads at a snapshot, so that it does not wait while the worker executes another.
  /// `answer` is called on any thread and does not block; cancel() ends it. False: nothing was done,
  /// use execute().
  virtual bool execute_aside(ExecuteRequest& /*request*/,
                             const std::function<void(Executed)>& /*answer*/) {
    return false;
  }
  /// After each flush(), and after `ready` of on_ready(): executions that waited until nothing was
  /// unflushed, or that ended by themselves, and what follows.
  virtual void collect(std::vector<ResourceEvent>& /*events*/) {}
  /// Drops the branch in any state (waiting, executed, retaken; unknown: no-op) and frees its
  /// locks.
  virtual void discard(const Gtid& gtid, std::vector<ResourceEvent>& events) = 0;

  /// Commits the database transaction with marker = the highest LSN applied, or `settled` if that
  /// is higher. The caller knows that no commit at or below `settled` is missing, so that a log of
  /// aborts alone can be freed too. Precondition: the agent's log is durable through it
  /// (participant.md 8.1). Returns the marker. Any error is an unknown outcome: the agent stops,
  /// the restart reads the file.
  virtual Result<Lsn> flush(Lsn settled) = 0;
  /// Number of branches applied since the last flush.
  virtual std::size_t unflushed() const = 0;
  /// Makes everything flushed durable in the file (fsync), and checkpoints the database's own WAL
  /// when it is due. Afterwards log records at or below the last flushed LSN are no longer needed.
  /// Called by the same worker, at most every second or so.
  virtual Status make_durable() = 0;
};

}  // namespace troth
