#pragma once
// Which older transactions have not ended. Participants forget every transaction below
// `ended_below`, except these. So an idle session or a dead participant does not make all the
// others remember everything.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace troth::coordinator {

/// Invariant: every transaction at or below last() that has not ended is listed. A listed one may
/// have ended since: that costs the participants its memory, no more. Bounded; what does not fit
/// holds back `ended_below`. Owned by the engine and touched by its thread alone.
class UnfinishedList {
 public:
  static constexpr std::size_t kMost = 4096;

  /// A transaction is slow, and listed, when this many newer gtids exist.
  explicit UnfinishedList(std::uint64_t slow_after)
      : slow_after_(slow_after), every_(slow_after / 8 + 1) {}

  /// To be called now and then; it does something once in slow_after / 8 gtids. `next` is minted
  /// next. `after(gtid)`: the first unfinished gtid above that one, nil if there is none.
  template <class After>
  void renew(const Gtid& next, const After& after) {
    if (next.epoch() == renewed_.epoch() && next.sequence() < renewed_.sequence() + every_) return;
    renewed_ = next;
    std::vector<Gtid> slow;
    Gtid last;
    while (slow.size() < kMost) {
      const Gtid gtid = after(last);
      if (gtid.is_nil() || !is_slow(gtid, next)) break;
      slow.push_back(last = gtid);
    }
    last_ = last;
    if (slow == *list_) return;
    list_ = std::make_shared<const std::vector<Gtid>>(std::move(slow));
    ++version_;
  }

  /// nil: none is listed.
  const Gtid& last() const { return last_; }
  /// In ascending order. Never changed: a new version is a new list.
  const std::shared_ptr<const std::vector<Gtid>>& list() const { return list_; }
  /// 0 = the empty list of the start.
  std::uint32_t version() const { return version_; }

 private:
  bool is_slow(const Gtid& gtid, const Gtid& next) const {
    return gtid.epoch() != next.epoch() || gtid.sequence() + slow_after_ < next.sequence();
  }

  const std::uint64_t slow_after_, every_;
  Gtid renewed_, last_;
  std::uint32_t version_ = 0;
  std::shared_ptr<const std::vector<Gtid>> list_ = std::make_shared<const std::vector<Gtid>>();
};

}  // namespace troth::coordinator
