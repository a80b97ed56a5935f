#include "access/log_proofs.h"

#include <fmt/format.h>

#include <utility>

#include "base/ids.h"
#include "os/node_key.h"
#include "os/random.h"

namespace troth::access {

using protocol::Challenge;
using protocol::ChallengeReply;
using protocol::kNonceBytes;
using protocol::LogProof;

namespace {

// Every part but the name has a fixed length, and the name comes last: two different contents never
// give the same text. The answer carries no name. A node with another name says so in its reply to
// the greeting, where people can read it.
std::string answer_text(std::string_view caller_nonce, std::string_view receiver_nonce) {
  return fmt::format("troth answer 1\n{}{}", caller_nonce, receiver_nonce);
}

std::string greeting_text(std::string_view caller_nonce, std::string_view receiver_nonce,
                          const LogId& receiver_log, const NodeName& receiver) {
  return fmt::format("troth greeting 1\n{}{}{}{}", caller_nonce, receiver_nonce, receiver_log,
                     receiver);
}

}  // namespace

CallerProof::CallerProof() : nonce_(random_bytes(kNonceBytes)) {}

Result<LogId> CallerProof::check(const ChallengeReply& reply, const NodeName& receiver) {
  if (reply.nonce.size() != kNonceBytes)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} answers the challenge with {} bytes",
                                                         receiver, reply.nonce.size()));
  theirs_ = reply.nonce;
  if (reply.proof.empty()) return LogId{};
  const auto log_id = log_id_of_key(reply.proof.public_key);
  if (!signed_for(log_id, reply.proof.public_key, answer_text(nonce_, theirs_),
                  reply.proof.signature))
    return fail(
        ErrorCode::kNotPermitted,
        fmt::format("what answers at the address of {} cannot prove whose log it has", receiver));
  return receiver_log_ = log_id;
}

LogProof CallerProof::greet(const LogSigner* signer, const NodeName& receiver) const {
  if (signer == nullptr || theirs_.empty()) return {};
  return {signer->public_key(),
          signer->sign(greeting_text(nonce_, theirs_, receiver_log_, receiver))};
}

Result<ChallengeReply> ReceiverProof::answer(const Challenge& challenge, const LogSigner* signer) {
  if (challenge.nonce.size() != kNonceBytes)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("nonce: {} bytes instead of {}", challenge.nonce.size(), kNonceBytes));
  if (++answers_ > kMostAnswers)
    return fail(ErrorCode::kInvalidArgument, "too many challenges on one connection");
  theirs_ = challenge.nonce;
  ours_ = random_bytes(kNonceBytes);
  ChallengeReply reply;
  reply.nonce = ours_;
  if (signer != nullptr)
    reply.proof = {signer->public_key(), signer->sign(answer_text(theirs_, ours_))};
  return reply;
}

bool ReceiverProof::check(const LogProof& proof, const LogId& claimed, const LogSigner* signer,
                          const NodeName& receiver) {
  const auto ours = std::exchange(ours_, {});
  if (ours.empty() || proof.empty()) return false;
  const auto own_log = signer == nullptr ? LogId{} : signer->log_id();
  return signed_for(claimed, proof.public_key, greeting_text(theirs_, ours, own_log, receiver),
                    proof.signature);
}

}  // namespace troth::access
