#pragma once
// The entry of a transaction that has ended.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/outcome.h"
#include "troth/time.h"

namespace troth::history {

struct EndedTransaction {
  Gtid gtid;
  Outcome outcome = Outcome::kAborted;  ///< kCommitted or kAborted
  AbortReason reason;                   ///< the first one
  CommitProtocol protocol = CommitProtocol::kTwoPhase;
  std::vector<NodeName> participants;
  std::string idempotency_key, body_digest;  ///< "" = none
  WallTime began, ended;                     ///< ended: when its outcome was known
  std::uint32_t attempts = 1;
  std::string comment;
  Gtid next;  ///< the next attempt after a lost conflict; nil: it was the last one
};

/// Everything but the gtid, which the caller keeps beside it.
std::string encode(const EndedTransaction& ended);
/// kCorruption if it does not decode exactly.
Result<EndedTransaction> decode_ended(const Gtid& gtid, std::string_view record);

}  // namespace troth::history
