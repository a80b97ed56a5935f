#pragma once
// The proof, at the beginning of a connection, that a node owns the log that it names: a signature
// over random bytes of the other side (access/log_proofs.h).

#include <cstddef>
#include <string>

namespace troth::protocol {

struct LogProof {
  std::string public_key;  ///< 32 bytes; "" = no proof
  std::string signature;   ///< 64 bytes

  bool empty() const { return public_key.empty(); }
};

inline constexpr std::size_t kNonceBytes = 32;

/// Before the greeting.
struct Challenge {
  std::string nonce;  ///< random bytes of the caller
};
struct ChallengeReply {
  std::string nonce;  ///< random bytes of the receiver, for the caller's proof
  LogProof proof;     ///< the receiver's; empty if its log has no key
};

}  // namespace troth::protocol
