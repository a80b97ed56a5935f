#pragma once
// A configured peer says that this node's log was longer than it is. Only a person can tell whether
// that is true, so the node waits: it is not ready, votes and decides nothing, and names the
// witness. The claim is in the log, so a restart does not lift it. `dismiss` says that the witness
// is wrong; `confirm` makes every start end with exit 70 until the log is replaced. Owned by an
// engine, on its thread.

#include <map>
#include <optional>
#include <string>

#include "protocol/record.h"

namespace troth {

class Quarantine {
 public:
  /// From the log, at start.
  void adopt(const std::map<NodeName, protocol::ClaimRecord>& claims) { claims_ = claims; }

  /// The record to force; nothing if the claim is known, or an operator has dismissed it.
  std::optional<protocol::ClaimRecord> raise(protocol::ClaimRecord claim, WallTime now);

  bool active() const;
  /// How far this node may say that its log reaches. Records that it writes in quarantine, first of
  /// all the claim, must not fill up for the lost ones.
  Lsn reaches(Lsn durable) const;
  /// One sentence with what to do; "" unless active.
  std::string reason() const;
  /// For a checkpoint.
  const std::map<NodeName, protocol::ClaimRecord>& claims() const { return claims_; }

 private:
  std::map<NodeName, protocol::ClaimRecord> claims_;  // the last of each witness
};

}  // namespace troth
