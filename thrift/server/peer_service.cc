#include "thrift/server/peer_service.h"

#include "thrift/convert/convert_peer.h"
#include "thrift/server/service_guard.h"

namespace troth::thrift {

void PeerService::challenge(v1::ChallengeResponse& out, const v1::ChallengeRequest& request) {
  guarded(logger_, "challenge",
          [&] { out = to_wire(value_or_throw(proof_.answer({request.nonce}, peer_.signer()))); });
}

void PeerService::hello(v1::HelloResponse& out, const v1::HelloRequest& request) {
  guarded(logger_, "hello", [&] {
    const auto hello = value_or_throw(from_wire(v1::HelloRequest(request), Where()));
    const auto& log_id = hello.position.log_id;
    by_.log = proof_.check(hello.proof, log_id, peer_.signer(), hello.receiver) ? log_id : LogId{};
    out = to_wire(peer_.hello(by_, hello));
  });
}

void PeerService::deliver(v1::DeliverResponse& out, const v1::DeliverRequest& request) {
  guarded(logger_, "deliver", [&] {
    const Where root;
    protocol::Batch batch;
    batch.header =
        value_or_throw(from_wire(v1::BatchHeader(request.header), Where(root, "header")));
    // The request is a local of the generated processor, and no other code reads it: it is moved,
    // not copied. One bad message must not cost the others of its batch.
    std::int32_t rejected = 0;
    std::string why;  // of the first
    const auto take = [&](Result<protocol::Message> message) {
      if (message) return batch.messages.push_back(std::move(*message));
      if (++rejected == 1) why = message.error().context;
    };
    batch.packed = std::move(const_cast<v1::DeliverRequest&>(request).packed);
    auto& messages = const_cast<v1::DeliverRequest&>(request).messages;
    for (std::size_t i = 0; i < messages.size(); ++i)
      take(from_wire(std::move(messages[i]), Where(root, "messages", i)));
    if (rejected > 0)
      logger_.warn("dropped messages of a peer",
                   {{"peer", batch.header.sender}, {"messages", rejected}, {"why", why}});
    std::size_t refused = 0;
    const auto sender = batch.header.sender;
    const auto taken = peer_.deliver_quietly(by_, std::move(batch), refused);
    if (refused > 0)
      logger_.warn("dropped messages that their sender has no permission for",
                   {{"peer", sender}, {"from", text_of(by_)}, {"messages", refused}});
    if (!taken && taken.error().code != ErrorCode::kBusy) throw_error(taken.error());
    out.__set_batch_id(request.batch_id);
    out.__set_status(taken ? v1::DeliverStatus::ACCEPTED : v1::DeliverStatus::BUSY);
    out.__set_rejected(rejected + static_cast<std::int32_t>(refused));
  });
}

}  // namespace troth::thrift
