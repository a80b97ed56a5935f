#pragma once
// Which gtids are ended everywhere and forgotten here: one watermark per coordinator, and the older
// transactions of that coordinator that are not ended.

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "protocol/message.h"
#include "protocol/record_log.h"

namespace troth::participant {

/// Invariants: a watermark never falls, what was ended once stays ended, and the log's copy of a
/// watermark is never ahead. Owned by the engine and touched by its thread alone.
class Horizon {
 public:
  explicit Horizon(protocol::DurableLog& log) : log_(log) {}

  void adopt(std::map<CoordinatorTag, Gtid> ended_below);
  /// Its coordinator said that it is ended at every participant.
  bool ended(const Gtid& gtid) const;
  /// True: the header has news, and what is over and ended can be forgotten.
  bool advance(const protocol::BatchHeader& header);
  /// Lets the next start forget them as well. Nobody waits for the record, and losing it costs
  /// memory only: so it is written now and then.
  void note(const CoordinatorTag& tag);

 private:
  using ListName = std::pair<Epoch, std::uint32_t>;  // of the coordinator, and its version
  struct Claim {
    Gtid below;
    std::vector<Gtid> unfinished;  // ascending
    ListName list_name{};
    std::shared_ptr<const std::vector<Gtid>> list;  // the newest one that a header held
  };
  static std::vector<Gtid> neither_ended(const Claim& known, const Gtid& below,
                                         const std::vector<Gtid>& list);

  protocol::DurableLog& log_;
  std::map<CoordinatorTag, Claim> claims_;
  std::map<CoordinatorTag, Gtid> logged_;  // of their watermarks, what the log says
};

}  // namespace troth::participant
