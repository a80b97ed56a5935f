#pragma once
// Conversion of what daemons say to each other.

#include <troth_idl/peer_types.h>

#include "protocol/transport.h"
#include "thrift/convert/convert_common.h"

namespace troth::thrift {

v1::PeerMessage to_wire(const protocol::Message& message);
v1::Member to_wire(const protocol::Member& member);
v1::BatchHeader to_wire(const protocol::BatchHeader& header);
v1::ChallengeRequest to_wire(const protocol::Challenge& challenge);
v1::ChallengeResponse to_wire(const protocol::ChallengeReply& reply);
protocol::ChallengeReply from_wire(v1::ChallengeResponse&& reply);
v1::HelloRequest to_wire(const protocol::Hello& hello);
v1::HelloResponse to_wire(const protocol::HelloReply& reply);

/// kUnsupported for a kind this version does not know.
Result<protocol::Message> from_wire(v1::PeerMessage&& message, const Where& where);
Result<protocol::Member> from_wire(v1::Member&& member, const Where& where);
Result<protocol::BatchHeader> from_wire(v1::BatchHeader&& header, const Where& where);
Result<protocol::Hello> from_wire(v1::HelloRequest&& hello, const Where& where);
Result<protocol::HelloReply> from_wire(v1::HelloResponse&& reply, const Where& where);

/// Rough size on the wire, for cutting batches.
std::size_t approximate_bytes(const protocol::Message& message);

}  // namespace troth::thrift
