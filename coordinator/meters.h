#pragma once
// What the engine measures beyond its counters, for /metrics. Owned and touched by the engine
// thread alone.

#include <map>
#include <string>
#include <utility>

#include "base/measurement.h"

namespace troth::coordinator {

struct Meters {
  using ByTwo = std::map<std::pair<std::string, std::string>, Histogram>;

  std::map<std::string, std::uint64_t> begun;      ///< by protocol
  std::map<std::string, std::uint64_t> aborts;     ///< by reason
  std::map<std::string, std::uint64_t> rejected;   ///< by reason
  std::map<std::string, std::uint64_t> recovered;  ///< by action
  ByTwo duration;                                  ///< by protocol and outcome
  std::map<std::string, Histogram> phase;          ///< prepare, log_decision, commit
  std::map<std::pair<std::string, std::string>, std::uint64_t> operator_actions;  ///< and result
  double recovery_seconds = 0;

  void observe_phase(const std::string& name, Duration time) {
    phase.try_emplace(name, Histogram::of_seconds()).first->second.observe(time);
  }
  void observe_end(const std::string& protocol, const std::string& outcome, Duration time) {
    duration.try_emplace({protocol, outcome}, Histogram::of_seconds()).first->second.observe(time);
  }
};

}  // namespace troth::coordinator
