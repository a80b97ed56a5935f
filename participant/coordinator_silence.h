#pragma once
// Which coordinators are silent. If a peer asks for a transaction that has not arrived here,
// nothing here shows that the peer is a member. Only the coordinator could tell, so the members may
// end the transaction only while the coordinator is silent. Otherwise any peer could end what a
// healthy coordinator is about to send.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "base/ids.h"
#include "troth/time.h"

namespace troth::participant {

/// Owns when each coordinator was last heard of, and since when this node waits for its answer.
/// Invariant: a coordinator that was never heard of is not silent. Owned by the engine and touched
/// by its thread alone.
class CoordinatorSilence {
 public:
  static constexpr std::size_t kMostCoordinators = 2048;
  /// Promises about transactions that never arrived, for each coordinator while it is silent. More
  /// than a coordinator has in flight.
  static constexpr std::size_t kMostPromises = 16'384;
  /// For a coordinator that this node cannot connect to: it sends an empty batch every 10 s.
  static constexpr Duration kWithoutLink = std::chrono::seconds(25);

  /// `patience`: how long this node waits for an answer.
  explicit CoordinatorSilence(Duration patience) : patience_(patience) {}

  /// A batch or a greeting of the coordinator came. If the table is full, the longest-silent
  /// coordinator is dropped.
  void heard(const CoordinatorTag& tag, const NodeName& name, MonotonicTime now);

  /// The link from here to a coordinator.
  struct Link {
    bool exists = false;
    bool connected = false;
    std::uint64_t answered = 0;  ///< batches that it took
  };
  enum class Verdict : std::uint8_t {
    kUnknown,  ///< nothing was ever heard of it
    kReach,    ///< there is no link: the caller opens one
    kAsk,      ///< it may be alive: the caller sends it something
    kAwaited,  ///< it was sent something and has time left
    kSilent
  };
  struct Judgement {
    Verdict verdict = Verdict::kUnknown;
    NodeName name;
  };
  Judgement judge(const CoordinatorTag& tag, const std::function<Link(const NodeName&)>& link_to,
                  MonotonicTime now);
  /// Counts one promise about a silent coordinator. False: there were too many.
  bool take_promise(const CoordinatorTag& tag);

 private:
  struct Asked {
    MonotonicTime at;
    std::uint64_t answered = 0;
  };
  struct State {
    NodeName name;
    MonotonicTime heard;
    std::optional<Asked> asked;
    std::size_t promises = 0;
  };

  const Duration patience_;
  std::map<CoordinatorTag, State> states_;
};

}  // namespace troth::participant
