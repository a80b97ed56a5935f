#pragma once
// What this node says of its own log, and whether it has said what others show of it. A peer that
// lies, or is mistaken, must not stop this node by saying that its log was longer
// (engine/peer_handshake.h).

#include "base/log_key.h"
#include "troth/nodes.h"

namespace troth {

/// Immutable. The signer outlives it; null: the log was made by 0.1.
class OwnPosition {
 public:
  OwnPosition(LogId log_id, Epoch epoch, const LogSigner* signer)
      : log_id_(log_id), epoch_(epoch), signer_(signer) {}

  /// With its receipt.
  NodePosition at(Lsn durable) const {
    NodePosition out{log_id_, epoch_, durable};
    if (signer_ != nullptr) out.receipt = signer_->receipt(out);
    return out;
  }
  /// The log has said so, in this life or an earlier one. A log without a key cannot tell: true.
  bool has_said(const NodePosition& shown) const {
    return signer_ == nullptr || shown.receipt == signer_->receipt(shown);
  }

 private:
  LogId log_id_;
  Epoch epoch_;
  const LogSigner* signer_;
};

}  // namespace troth
