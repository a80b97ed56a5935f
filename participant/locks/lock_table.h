#pragma once
// The locks of one database and their wait queues. Multi-granularity two-phase locking: intention
// and real locks on tables, S and X on keys (rows by identity, unique keys, foreign-key parents).
// Acquisition is all-or-nothing, and a branch that executes in one piece holds nothing while it
// waits. So such branches never deadlock inside one database. Interactive branches keep their
// locks, and prepared branches wait at other nodes. Wound-wait on Priority (wound_wait.cc) breaks
// those cycles. For that, a refusal names every holder in the way. Waiters are served oldest first,
// and a younger request never overtakes an older waiter it conflicts with. So no transaction
// starves, and a transaction that waits for a younger one waits for a holder. Pure; owned by the
// worker thread of its database.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "participant/locks/lock_holders.h"

namespace troth::participant {

class LockTable {
 public:
  struct Acquired {
    bool granted = false;
    std::vector<Gtid> holders;  ///< the holders in the way, oldest gtid first
    Resource contended;         ///< the first resource in the way
  };

  /// Grants every request or none. Not granted: nothing new is held and nothing is queued.
  Acquired try_acquire(const Gtid& owner, const Priority& priority,
                       const std::vector<LockRequest>& requests);
  enum class Held : std::uint8_t { kGiveUp, kKeep };
  /// Queues `owner` for all of `wanted`. A later release() or enqueue() returns it as granted. With
  /// kGiveUp it first releases its locks, and this returns the waiters that receive them, as
  /// release() does. kKeep is for a branch that has executed a piece already.
  std::vector<Gtid> enqueue(const Gtid& owner, const Priority& priority,
                            std::vector<LockRequest> wanted, Held held = Held::kGiveUp);
  /// Frees everything `owner` holds or waits for. Returns the waiters that were granted their whole
  /// wanted set, oldest first.
  std::vector<Gtid> release(const Gtid& owner);
  /// For prepared branches after a restart: they held these locks before, so they cannot conflict.
  void force_grant(const Gtid& owner, const std::vector<LockRequest>& requests);

  /// Everything `owner` holds, in the order it was taken.
  std::vector<LockRequest> held(const Gtid& owner) const { return holders_.held(owner); }
  /// Other owners that hold IX, SIX or X on the table.
  bool others_write(const Gtid& owner, std::uint32_t table) const {
    return holders_.others_write(owner, {table, Resource::kWholeTable, {}});
  }

  /// One resource as operators see it (lock_table_view.cc).
  struct View {
    struct Party {
      Gtid owner;
      LockMode mode;
      Gtid behind;  ///< of a waiter: the first owner in its way; nil: none here
    };
    Resource resource;
    std::vector<Party> holders, waiters;  ///< the first kShown; waiters in the order of their turn
    std::size_t holders_total = 0, waiters_total = 0;
  };
  struct ViewQuery {
    Gtid owner;        ///< only its own locks and waits; nil: all
    bool all = false;  ///< false: only resources with waiters
    std::size_t limit = 100;
    std::optional<Resource> after;
  };
  static constexpr std::size_t kShown = 10;
  /// In the order of resources; `more` is set if there are others behind them. Visits every lock
  /// once, so it is for operators only.
  std::vector<View> view(const ViewQuery& query, bool& more) const;

  std::size_t locks() const { return holders_.size(); }
  std::size_t waiters() const { return waiters_.size(); }

 private:
  /// Two attempts of one transaction share a priority.
  using Turn = std::pair<Priority, Gtid>;
  /// The waiters of one resource, oldest first. Every waiter of a row also waits for its table, in
  /// a mode that is compatible with all others there. That must not cost anything.
  class Queue {
   public:
    void add(const Turn& turn, LockMode mode);
    void remove(const Turn& turn);
    bool empty() const { return turns_.empty(); }
    auto begin() const { return turns_.begin(); }
    auto end() const { return turns_.end(); }
    /// Does any waiter want a mode that is incompatible with `mode`?
    bool conflicts_with(LockMode mode) const;

   private:
    std::map<Turn, LockMode> turns_;
    std::array<std::uint32_t, kLockModes> counts_{};
  };

  View view_of(const Resource& resource, bool all) const;
  View view_for(const Gtid& owner, const Resource& resource) const;
  Gtid first_in_the_way(const Resource& resource, const Turn& turn, LockMode mode) const;
  /// The freed resources, if there is any waiter.
  std::vector<LockRequest> drop(const Gtid& owner);
  void leave_queues(const Turn& turn, const std::vector<LockRequest>& wanted);
  std::vector<Gtid> grant_waiters(const std::vector<LockRequest>& freed);
  bool grantable(const Turn& turn, const std::vector<LockRequest>& requests);
  bool blocked_by_older_waiter(const Priority& priority, const LockRequest& request,
                               const Gtid& owner, Acquired& out) const;

  LockHolders holders_;
  std::map<Turn, std::vector<LockRequest>> waiters_;  // oldest first, with their requests
  std::unordered_map<Gtid, Priority> waiting_since_;
  std::unordered_map<Resource, Queue, ResourceHash> waiting_on_;  // the same, by resource
  std::vector<LockHead*> heads_;                                  // of the requests at hand
};

}  // namespace troth::participant
