#pragma once
// Every branch that this node knows, by gtid, with its timer: those that live, and the outcomes of
// those that are over and may still be asked for.

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/gtid_map.h"
#include "engine/engine_loop.h"
#include "participant/abort_memory.h"
#include "participant/branch_entry.h"
#include "participant/engine_options.h"

namespace troth::participant {

/// Invariants: live() is the number of entries whose branch is not over, and an erased entry has no
/// timer. Owned by the engine and touched by its thread alone.
class BranchTable {
 public:
  static constexpr std::size_t kMostRemembered = 1'048'576;  ///< shared by all coordinators
  static constexpr std::size_t kLeastShare = 16'384;

  using iterator = GtidMap<BranchEntry>::iterator;
  using const_iterator = GtidMap<BranchEntry>::const_iterator;

  explicit BranchTable(const EngineOptions& options);

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t live() const { return live_; }
  /// Of that coordinator's.
  std::size_t live_of(const CoordinatorTag& tag) const;
  /// One more of that coordinator's may be remembered: one that never says what has ended must not
  /// fill the memory.
  bool has_room_for(const CoordinatorTag& tag) const;

  /// nullptr: not known.
  BranchEntry* find(const Gtid& gtid);
  const BranchEntry* find(const Gtid& gtid) const;
  /// It must be there.
  BranchEntry& at(const Gtid& gtid) { return entries_.at(gtid); }
  /// By the beginning or the end of its text. nullptr: `problem` says why.
  const BranchEntry* find(const std::string& id, std::string& problem) const;

  /// The gtid must be new. Entries stay where they are until they are erased.
  BranchEntry& start(const Gtid& gtid, protocol::Branch&& branch, Now now);
  BranchEntry& start(const Gtid& gtid, protocol::Branch::Kind kind, Now now);
  /// Nothing happens if it is not known.
  void erase(const Gtid& gtid);
  /// Forgets those of [from, below) that are over and for which `ended` is true.
  template <class Ended>
  void erase_over(const Gtid& from, const Gtid& below, const Ended& ended) {
    for (auto at = entries_.lower_bound(from); at != entries_.end() && at->first < below;)
      at = at->second.branch.is_over() && ended(at->first) ? erase(at) : std::next(at);
  }
  /// How many one-phase outcomes of that coordinator's epochs below this one are remembered.
  std::map<Epoch, std::size_t> one_phase_before(const CoordinatorTag& tag, Epoch epoch) const;
  /// Forgets aborted ones that are too many (abort_memory.h). Returns how many. Nobody may hold an
  /// entry meanwhile.
  std::size_t forget_aborts();
  /// How many of that coordinator's one-phase transactions are known here to have been aborted.
  std::size_t one_phase_aborts(const CoordinatorTag& tag) const;
  /// To be called after each step of the branch.
  void note_if_over(BranchEntry& entry);

  /// Sets the entry's timer to the earliest moment that its branch, its ballot or its lock wait
  /// wants to be woken.
  void schedule(BranchEntry& entry);
  std::optional<MonotonicTime> next_wake() const;
  /// Takes the timer of an entry that is due. nullptr: none is.
  BranchEntry* take_due(MonotonicTime now);

  /// For a branch that begins now.
  const protocol::BranchSettings& settings();

 private:
  BranchEntry& started(std::pair<iterator, bool> added, Now now);
  iterator erase(iterator at);

  const EngineOptions& options_;
  protocol::BranchSettings settings_;  // see settings()
  GtidMap<BranchEntry> entries_;
  TimerHeap<BranchEntry> timers_;
  AbortMemory aborts_;
  std::size_t live_ = 0;
  struct Counts {
    std::size_t all = 0, live = 0;
  };
  std::map<CoordinatorTag, Counts> of_coordinator_;
};

}  // namespace troth::participant
