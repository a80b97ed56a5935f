#pragma once
// The events of one live transaction, for status views. Kept small, and made into text only when a
// view is asked for: nearly every transaction in flight has several events.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "troth/time.h"

namespace troth::coordinator {

struct TimelineEvent {
  enum class Kind : std::uint8_t { kState, kRecord, kVote, kReleased, kAck, kWound, kSays, kLost };
  Kind kind = Kind::kState;
  std::string_view what;           ///< a literal: the state, record type, vote or decision
  const NodeName* from = nullptr;  ///< EngineOptions::find() of it
  Lsn lsn;                         ///< of a record
  Duration after{0};               ///< since the transaction began
};

/// Owned by one transaction. Invariant: bounded; the first events are kept.
class Timeline {
 public:
  void note(const TimelineEvent& event);
  /// A line for each event. `gave_way_to`: of the event kWound; nullptr if there is none.
  std::vector<std::string> lines(const Gtid* gave_way_to) const;

 private:
  /// An event in half the bytes.
  class Packed {
   public:
    explicit Packed(const TimelineEvent& event);
    TimelineEvent unpack() const;

   private:
    const char* what_;
    std::uint64_t about_;     // the LSN of a record, otherwise whom it is from
    std::uint32_t after_us_;  // at most 71 minutes
    std::uint8_t what_size_;
    TimelineEvent::Kind kind_;
  };

  std::vector<Packed> events_;
};

}  // namespace troth::coordinator
