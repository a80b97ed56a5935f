#pragma once
// What needs a person. Most alarms tell of something that cannot be undone and stay until the
// process ends; where it can be seen that the cause has ended, the alarm ends with it.

#include <algorithm>
#include <string>
#include <vector>

#include "base/ids.h"

namespace troth {

/// Owned by an engine and touched by its thread alone.
class Alarms {
 public:
  enum class Until {
    kRestart,  ///< nothing that this process can see ends it
    kEnded     ///< end() is called with the same transaction and node
  };

  /// False: it is shown already, or there is no room for more.
  bool raise(const std::string& what, Until until, const Gtid& about, const NodeName& from = {}) {
    constexpr std::size_t kKept = 100;
    const bool known = std::any_of(all_.begin(), all_.end(),
                                   [&](const Alarm& alarm) { return alarm.what == what; });
    if (known || all_.size() >= kKept) return false;
    all_.push_back({what, until, about, from});
    return true;
  }

  /// True: there was one that this ends.
  bool end(const Gtid& about, const NodeName& from = {}) {
    return std::erase_if(all_, [&](const Alarm& alarm) {
             return alarm.until == Until::kEnded && alarm.about == about && alarm.from == from;
           }) > 0;
  }

  /// For people.
  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const auto& alarm : all_) out.push_back(alarm.what);
    return out;
  }

 private:
  struct Alarm {
    std::string what;
    Until until;
    Gtid about;
    NodeName from;
  };
  std::vector<Alarm> all_;
};

}  // namespace troth
