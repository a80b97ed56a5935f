#pragma once
// Locks as operators see them: the worker knows holders and waiters, the branch table the states of
// their branches.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "participant/branch_table.h"
#include "participant/worker_port.h"

namespace troth::participant {

/// Owns the questions that the worker has not answered. Owned by the engine and touched by its
/// thread alone.
class LockViews {
 public:
  using LocksDone = std::function<void(Result<LockPage>)>;

  LockViews(const EngineOptions& options, const BranchTable& table, WorkerPort& worker)
      : options_(options), table_(table), worker_(worker) {}

  /// Called back when the worker has looked.
  void look(const LockQuery& query, LocksDone done);
  void on_seen(LocksSeen seen, Now now);
  /// Adds the transactions that wait for the branch's locks, longest wait first.
  void show_blocked(const BranchEntry& holder, TransactionDetail& detail, Now now) const;

 private:
  Duration waited(const BranchEntry& waiter, Now now) const;

  const EngineOptions& options_;
  const BranchTable& table_;
  WorkerPort& worker_;
  std::map<std::uint64_t, LocksDone> looking_;  // by number
  std::uint64_t next_look_ = 1;
};

}  // namespace troth::participant
