#pragma once
// The two ends of the proof at the beginning of a connection between daemons. Each signs random
// bytes of the other side, so that nothing overheard can be said again. The caller signs only for
// a receiver that has proved itself, so that a stranger cannot pass a greeting on to another node.
//
// The proof refuses a process that merely claims a node's name and log id. It does not protect the
// messages that follow: an attacker on the path between two nodes can still change them. That needs
// TLS.
//

#include <optional>

#include "base/log_key.h"
#include "protocol/log_proof.h"
#include "troth/ids.h"
#include "troth/result.h"

namespace troth::access {

/// Of one connection, at the side that made it. Used by one thread.
class CallerProof {
 public:
  CallerProof();

  protocol::Challenge challenge() const { return {nonce_}; }
  /// The log that the receiver has proved, or nil without a proof. kNotPermitted: a wrong proof.
  Result<LogId> check(const protocol::ChallengeReply& reply, const NodeName& receiver);
  /// For the greeting, after check(). Empty without a signer.
  protocol::LogProof greet(const LogSigner* signer, const NodeName& receiver) const;

 private:
  const std::string nonce_;
  std::string theirs_;  ///< the receiver's nonce; "" = it was not asked
  LogId receiver_log_;
};

/// Of one connection, at the side that took it. Used by one thread.
class ReceiverProof {
 public:
  /// kInvalidArgument: no nonce, or asked more often than any node asks.
  Result<protocol::ChallengeReply> answer(const protocol::Challenge& challenge,
                                          const LogSigner* signer);
  /// Whether the caller speaks for the log that its greeting to `receiver` names. A proof counts
  /// once.
  bool check(const protocol::LogProof& proof, const LogId& claimed, const LogSigner* signer,
             const NodeName& receiver);

 private:
  static constexpr int kMostAnswers = 4;  // a signature costs 30 us
  int answers_ = 0;
  std::string ours_, theirs_;  // "" = nothing is under way
};

}  // namespace troth::access
