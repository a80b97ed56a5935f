#pragma once
// Measurements of the engine beyond its counters, for /metrics. Owned and touched by the engine
// thread alone. What every transaction adds to is found without a comparison.

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/latency_histogram.h"
#include "base/measurement.h"
#include "protocol/ports.h"

namespace troth::coordinator {

struct Meters {
  enum class Phase : std::uint8_t { kQueue, kPrepare, kLogDecision, kCommit };
  static constexpr std::array kProtocols{"1pc", "2pc", "3pc"};
  static constexpr std::array kPhases{"queue", "prepare", "log_decision", "commit"};
  using Seconds = SecondsHistogram;

  std::array<std::uint64_t, 3> begun{};            ///< by protocol
  std::map<std::string, std::uint64_t> aborts;     ///< by reason
  std::map<std::string, std::uint64_t> rejected;   ///< by reason
  std::map<std::string, std::uint64_t> recovered;  ///< by action
  std::array<std::array<Seconds, 2>, 3> duration;  ///< by protocol; aborted, committed
  std::array<Seconds, 4> phase;                    ///< by phase
  std::array<LatencyHistogram, 4> phase_ns;        ///< the same, fine enough for quantiles
  double recovery_seconds = 0;

  static std::size_t place_of(CommitProtocol protocol) {
    return protocol == CommitProtocol::kOnePhase   ? 0
           : protocol == CommitProtocol::kTwoPhase ? 1
                                                   : 2;
  }
  std::uint64_t& begun_of(CommitProtocol protocol) { return begun[place_of(protocol)]; }
  void observe(Phase which, Duration time) {
    phase[static_cast<std::size_t>(which)].observe(time);
    phase_ns[static_cast<std::size_t>(which)].record(
        static_cast<std::uint64_t>(std::max(time, Duration{0}).count()));
  }
  std::vector<PhaseLatency> phases() const {
    std::vector<PhaseLatency> out;
    for (std::size_t i = 0; i < phase_ns.size(); ++i)
      out.push_back({kPhases[i], Duration(static_cast<std::int64_t>(phase_ns[i].sum())),
                     phase_ns[i].buckets()});
    return out;
  }
  void observe_end(CommitProtocol protocol, bool committed, Duration time) {
    duration[place_of(protocol)][committed ? 1 : 0].observe(time);
  }
};

}  // namespace troth::coordinator
