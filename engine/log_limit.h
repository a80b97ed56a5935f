#pragma once
// Limits log lines about events that peers cause. For each peer and kind, the first event is
// logged, then one line a minute with their number.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "troth/time.h"

namespace troth {

/// Not thread-safe. Bounded: peers beyond kMostKinds share one entry.
class LogLimit {
 public:
  static constexpr Duration kEvery = std::chrono::minutes(1);
  static constexpr std::size_t kMostKinds = 256;

  /// Nothing: do not log it. Otherwise the number of events since the last line, with this one.
  std::optional<std::uint64_t> note(const NodeName& peer, std::string_view kind,
                                    MonotonicTime now) {
    Kind key{peer, std::string(kind)};
    if (told_.count(key) == 0 && told_.size() >= kMostKinds) {
      std::erase_if(told_, [&](const auto& item) {
        return item.second.untold == 0 && now - item.second.last >= kEvery;
      });
      if (told_.size() >= kMostKinds) key = {};
    }
    const auto [at, is_new] = told_.try_emplace(std::move(key));
    auto& told = at->second;
    ++told.untold;
    if (!is_new && now - told.last < kEvery) return std::nullopt;
    told.last = now;
    return std::exchange(told.untold, 0);
  }

 private:
  using Kind = std::pair<NodeName, std::string>;
  struct Told {
    MonotonicTime last;
    std::uint64_t untold = 0;
  };
  std::map<Kind, Told> told_;
};

}  // namespace troth
