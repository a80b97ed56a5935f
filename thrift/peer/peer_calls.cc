#include "thrift/peer/peer_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "thrift/convert/convert_error.h"
#include "thrift/convert/convert_peer.h"

namespace troth::thrift {

namespace {

void write_messages(v1::DeliverRequest& wire, const CallLoad& batch, std::uint32_t version) {
  wire.__isset.messages = true;
  for (const auto* portion : {&batch.urgent, &batch.bulk}) {
    wire.packed += portion->packed;
    for (const auto& message : portion->plain) {
      const bool knows =
          version >= protocol::kKnowsRecall || !std::holds_alternative<protocol::Recall>(message);
      if (knows) wire.messages.push_back(thrift::to_wire(message));
    }
  }
  wire.__isset.packed = !wire.packed.empty();
}

}  // namespace

/// Whose log the other end has proved; nil: it speaks 0.1 or its log has no key.
Result<LogId> PeerCalls::challenge(access::CallerProof& proof) {
  const auto wire = to_wire(proof.challenge());
  v1::Peer_challenge_pargs args;
  args.request = &wire;
  v1::ChallengeResponse answer;
  v1::Peer_challenge_presult result;
  result.success = &answer;
  if (auto called = connection_->call("Peer", "challenge", args, result, options_.call_timeout);
      !called) {
    if (called.error().code == ErrorCode::kUnsupported && connection_->usable()) return LogId{};
    return fail(std::move(called.error()));
  }
  if (auto declared = declared_error(result)) return fail(std::move(declared->error));
  return proof.check(from_wire(std::move(answer)), peer_);
}

Result<Duration> PeerCalls::greet(access::GuardedPeer& handler) {
  access::CallerProof proof;
  protocol::Principal answerer = connection_->stream()->principal();
  TROTH_ASSIGN_OR_RETURN(answerer.log, challenge(proof));
  auto hello = handler.make_hello(peer_);
  hello.proof = proof.greet(handler.signer(), peer_);
  const auto wire = to_wire(hello);
  v1::Peer_hello_pargs args;
  args.request = &wire;
  v1::HelloResponse answer;
  v1::Peer_hello_presult result;
  result.success = &answer;
  last_sent_ = clock_.now();
  TROTH_TRY(connection_->call("Peer", "hello", args, result, options_.call_timeout));
  const Duration took = clock_.now() - last_sent_;
  if (auto declared = declared_error(result)) return fail(std::move(declared->error));
  TROTH_ASSIGN_OR_RETURN(const auto reply, from_wire(std::move(answer), Where()));
  TROTH_TRY(handler.welcomed(answerer, peer_, reply));
  version_ = protocol::version_of_reply(reply.version);
  if (!protocol::kPeerVersions.contain(version_))
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} answers in the peer protocol {}, which is not spoken here", peer_,
                            version_));
  receiver_epoch_ = reply.position.epoch;
  return took;
}

// The list may be long and seldom changes, so it travels when it is new, and again now and then
// because calls may be lost.
void PeerCalls::write_ended(const protocol::LinkState& state, protocol::BatchHeader& out) {
  if (version_ < protocol::kKnowsUnfinished) {
    if (out.ended_below && state.unfinished && !state.unfinished->empty())
      out.ended_below = std::min(*out.ended_below, state.unfinished->front());
    return;
  }
  constexpr std::uint32_t kEvery = 32;
  out.unfinished_version = state.unfinished_version;
  const bool sent = sent_unfinished_ == state.unfinished_version && ++calls_without_it_ < kEvery;
  if (state.unfinished_version == 0 || sent) return;
  out.unfinished = state.unfinished;
  sent_unfinished_ = state.unfinished_version;
  calls_without_it_ = 0;
}

bool PeerCalls::send(CallLoad batch, const protocol::LinkState& state) {
  v1::DeliverRequest wire;
  wire.__set_batch_id(++batch_id_);
  protocol::BatchHeader header{options_.self, state.position, receiver_epoch_, state.ended_below,
                               version_};
  header.ended_from = state.ended_from;
  write_ended(state, header);
  wire.header = to_wire(header);
  wire.__isset.header = true;
  write_messages(wire, batch, version_);
  v1::Peer_deliver_pargs args;
  args.request = &wire;
  last_sent_ = clock_.now();
  flights_.push_back({std::move(batch), batch_id_, last_sent_});
  const auto sent = connection_->send_call("Peer", "deliver", args, options_.call_timeout);
  flights_.back().bytes = connection_->bytes_sent();
  if (!sent) broken_ = sent.error().context;
  return sent.has_value();
}

std::optional<Delivery> PeerCalls::finish(bool waited) {
  v1::DeliverResponse answer;
  v1::Peer_deliver_presult result;
  result.success = &answer;
  Status called = connection_->receive("deliver", result);
  if (called) {
    if (auto declared = declared_error(result))
      called = fail(std::move(declared->error));
    else if (answer.batch_id != flights_.front().id)
      called = fail(ErrorCode::kInternal, "answered about another batch");
  }
  if (!called) {
    broken_ = called.error().context;
    return std::nullopt;
  }
  auto flight = std::move(flights_.front());
  flights_.pop_front();
  Delivery delivery;
  delivery.busy = answer.status == v1::DeliverStatus::BUSY;
  delivery.bytes = flight.bytes;
  if (!delivery.busy) delivery.messages = flight.batch.size();
  if (waited) delivery.took = clock_.now() - flight.began;
  if (delivery.busy) rejected_.push_back(std::move(flight.batch));
  return delivery;
}

std::size_t PeerCalls::undelivered() const {
  std::size_t messages = 0;
  for (const auto& flight : flights_) messages += flight.batch.size();
  for (const auto& batch : rejected_) messages += batch.size();
  return messages;
}

}  // namespace troth::thrift
