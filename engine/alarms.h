#pragma once
// Conditions that need a person. Most alarms report something that cannot be undone, and stay until
// the process ends. If this node can see that the cause has ended, the alarm ends too.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"

namespace troth {

/// Owned by an engine and touched by its thread alone. Bounded; alarms beyond a bound are only
/// counted. Claims have a bound of their own, so that no number of them hides what this node knows.
class Alarms {
 public:
  enum class Until {
    kRestart,  ///< nothing that this process can see ends it
    kEnded     ///< end() is called with the same transaction and node
  };
  enum class Rank {
    kKnown,  ///< this node saw it, or a participant reports it of a transaction that exists here
    kClaim   ///< a peer says so, of a transaction that this node knows nothing of
  };
  static constexpr std::size_t kMostKnown = 10'000;
  static constexpr std::size_t kMostClaims = 100;
  static constexpr std::size_t kMostTexts = 200;

  /// False: it is shown already, or there is no room for more.
  bool raise(const std::string& what, Until until, const Gtid& about, const NodeName& from = {},
             Rank rank = Rank::kKnown) {
    if (texts_.count(what) != 0) return false;
    auto& kept = rank == Rank::kKnown ? known_ : claims_;
    if (kept >= (rank == Rank::kKnown ? kMostKnown : kMostClaims)) {
      ++not_kept_;
      return false;
    }
    ++kept;
    const auto text = texts_.insert(what).first;
    all_[about].push_back({&*text, until, from, rank, next_++});
    return true;
  }

  /// True: this ended an alarm.
  bool end(const Gtid& about, const NodeName& from = {}) {
    const auto found = all_.find(about);
    if (found == all_.end()) return false;
    const auto ended = std::erase_if(found->second, [&](const Alarm& alarm) {
      if (alarm.until != Until::kEnded || alarm.from != from) return false;
      --(alarm.rank == Rank::kKnown ? known_ : claims_);
      texts_.erase(*alarm.what);
      return true;
    });
    if (found->second.empty()) all_.erase(found);
    return ended > 0;
  }

  /// Is there an alarm that this node and transaction would end?
  bool any(const Gtid& about, const NodeName& from) const {
    const auto found = all_.find(about);
    return found != all_.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](const Alarm& alarm) {
             return alarm.until == Until::kEnded && alarm.from == from;
           });
  }

  /// For people: claims last, otherwise the oldest first. At most kMostTexts; the last one then
  /// says how many more there are.
  std::vector<std::string> texts() const {
    std::vector<const Alarm*> sorted;
    for (const auto& [gtid, alarms] : all_)
      for (const auto& alarm : alarms) sorted.push_back(&alarm);
    std::sort(sorted.begin(), sorted.end(), [](const Alarm* a, const Alarm* b) {
      return std::pair(a->rank, a->number) < std::pair(b->rank, b->number);
    });
    const auto left_out = sorted.size() + not_kept_ > kMostTexts;
    std::vector<std::string> out;
    for (const auto* alarm : sorted)
      if (out.size() + (left_out ? 1 : 0) < kMostTexts) out.push_back(*alarm->what);
    const auto more = sorted.size() - out.size() + not_kept_;
    if (more > 0)
      out.push_back(std::to_string(more) +
                    " more alarms are not shown; the log of this node names each that was kept");
    return out;
  }
  /// Number of alarms that were raised when the list was full.
  std::uint64_t not_kept() const { return not_kept_; }

 private:
  struct Alarm {
    const std::string* what;  // in texts_
    Until until;
    NodeName from;
    Rank rank;
    std::uint64_t number;  // in the order they were raised
  };
  std::map<Gtid, std::vector<Alarm>> all_;
  std::set<std::string> texts_;
  std::size_t known_ = 0, claims_ = 0;
  std::uint64_t next_ = 0, not_kept_ = 0;
};

}  // namespace troth
