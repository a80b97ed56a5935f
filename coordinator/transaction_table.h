#pragma once
// Every transaction that is being committed here, by gtid, with its timer.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/gtid_map.h"
#include "coordinator/engine_options.h"
#include "coordinator/transaction.h"

namespace troth::coordinator {

/// Invariant: an erased transaction has no timer. Owned by the engine and touched by its thread
/// alone. Transactions stay where they are until they are erased.
class TransactionTable {
 public:
  using iterator = GtidMap<Transaction>::iterator;
  using const_iterator = GtidMap<Transaction>::const_iterator;

  iterator begin() { return live_.begin(); }
  iterator end() { return live_.end(); }
  const_iterator begin() const { return live_.begin(); }
  const_iterator end() const { return live_.end(); }
  const_iterator upper_bound(const Gtid& gtid) const { return live_.upper_bound(gtid); }
  bool empty() const { return live_.empty(); }
  std::size_t size() const { return live_.size(); }
  bool has(const Gtid& gtid) const { return live_.count(gtid) != 0; }

  std::vector<Gtid> gtids() const;

  /// nullptr: not known.
  Transaction* find(const Gtid& gtid);
  const Transaction* find(const Gtid& gtid) const;
  /// Finds it by the beginning or the end of its text. nullptr: `problem` says why.
  const Transaction* find(const std::string& id, std::string& problem) const;

  /// The gtid must be new.
  template <class M>
  Transaction& start(typename M::Setup&& setup, const Gtid& gtid) {
    return live_.emplace(gtid, std::in_place_type<M>, std::move(setup)).first->second;
  }
  Transaction& adopt(protocol::GlobalCommit&& recovered);
  /// It must be there.
  void erase(const Gtid& gtid);

  /// A timer that fires too early is set again. Most transactions end before theirs fires.
  void schedule(Transaction& txn, const Gtid& gtid, std::optional<MonotonicTime> wake);
  std::optional<MonotonicTime> next_wake() const;
  /// Takes the timer of one that is due. nullptr: none is.
  Transaction* take_due(MonotonicTime now);

  /// Retry pauses for a transaction that begins now. The longer the queue, the longer an answer may
  /// take. Repeating a message that only waits would make the queue longer.
  protocol::RetryPolicy resend(const protocol::RetryPolicy& usual) const;

  /// Of transactions whose clients have no answer yet.
  Seats& seats() { return seats_; }
  std::size_t seats_taken() const { return seats_.taken(); }

 private:
  Seats seats_;  // outlives live_
  GtidMap<Transaction> live_;
  TimerHeap<Transaction> timers_;
};

}  // namespace troth::coordinator
