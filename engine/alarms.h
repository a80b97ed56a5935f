#pragma once
// Conditions that need a person. Most alarms report something that cannot be undone, and stay until
// the process ends. If this node can see that the cause has ended, the alarm ends too.

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace troth {

/// Owned by an engine and touched by its thread alone. Bounded; what is beyond a bound is counted.
/// Invariant: what peers say, and what this node notices because a peer said something, takes no
/// more than that peer's share, so that no number of it hides what this node or another peer knows.
class Alarms {
 public:
  enum class Until {
    kRestart,  ///< nothing that this process can see ends it
    kEnded     ///< end() is called with the same transaction and node
  };
  enum class Rank : std::uint8_t {
    kOwn,       ///< this node saw it
    kReported,  ///< a participant says so, of a transaction that exists here
    kClaim      ///< a peer says so, of a transaction that this node knows nothing of
  };
  static constexpr std::size_t kMost = 10'000;  ///< of a rank
  static constexpr std::size_t kMostClaims = 100;
  static constexpr std::size_t kMostOfPeer = 1'000;  ///< of a rank, because of one peer
  static constexpr std::size_t kMostClaimsOfPeer = 20;
  static constexpr std::size_t kMostTexts = 200;
  static constexpr std::size_t kMostBytes = 2'048;  ///< of a text; the rest is cut off

  /// `from`: the peer that said so, or because of which this node says so. False: it is shown
  /// already, or there is no room for more.
  bool raise(std::string_view what, Until until, const Gtid& about, const NodeName& from = {},
             Rank rank = Rank::kOwn) {
    auto shown = shortened(what);
    if (texts_.count(shown) != 0) return false;
    auto& of_all = kept_[{rank, NodeName()}];
    auto& of_peer = kept_[{rank, from}];
    const bool claim = rank == Rank::kClaim;
    const bool too_many = of_all >= (claim ? kMostClaims : kMost) ||
                          (!from.empty() && of_peer >= (claim ? kMostClaimsOfPeer : kMostOfPeer));
    if (too_many) {
      ++not_kept_;
      return false;
    }
    ++of_all;
    if (!from.empty()) ++of_peer;
    const auto text = texts_.insert(std::move(shown)).first;
    all_[about].push_back({&*text, until, from, rank, next_++});
    return true;
  }

  /// As it is kept and shown.
  static std::string shortened(std::string_view what) {
    if (what.size() <= kMostBytes) return std::string(what);
    auto end = kMostBytes;
    while (end > 0 && (static_cast<unsigned char>(what[end]) & 0xC0U) == 0x80U) --end;
    return std::string(what.substr(0, end)) + "...";
  }

  /// True: this ended an alarm.
  bool end(const Gtid& about, const NodeName& from = {}) {
    const auto found = all_.find(about);
    if (found == all_.end()) return false;
    const auto ended = std::erase_if(found->second, [&](const Alarm& alarm) {
      if (alarm.until != Until::kEnded || alarm.from != from) return false;
      --kept_[{alarm.rank, NodeName()}];
      if (!from.empty()) --kept_[{alarm.rank, from}];
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

  /// For people: by rank, in each first what no peer has brought about, then the oldest of each
  /// peer in turn. At most kMostTexts, the last of which then says how many there are besides.
  std::vector<std::string> texts() const {
    std::vector<const Alarm*> sorted;
    for (const auto& [gtid, alarms] : all_)
      for (const auto& alarm : alarms) sorted.push_back(&alarm);
    std::sort(sorted.begin(), sorted.end(),
              [](const Alarm* a, const Alarm* b) { return a->number < b->number; });
    std::map<std::pair<Rank, NodeName>, std::size_t> turns;
    std::map<const Alarm*, std::size_t> turn_of;
    for (const auto* alarm : sorted)
      turn_of[alarm] = alarm->from.empty() ? 0 : ++turns[{alarm->rank, alarm->from}];
    std::stable_sort(sorted.begin(), sorted.end(), [&](const Alarm* a, const Alarm* b) {
      return std::pair(a->rank, turn_of[a]) < std::pair(b->rank, turn_of[b]);
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
  /// So many of each rank: without a name all of them, otherwise those of a peer.
  std::map<std::pair<Rank, NodeName>, std::size_t> kept_;
  std::uint64_t next_ = 0, not_kept_ = 0;
};

}  // namespace troth
