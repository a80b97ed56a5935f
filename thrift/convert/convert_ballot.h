#pragma once
// Conversion of the messages between members of a transaction (termination, three-phase). Internal
// to convert_peer.

#include <troth_idl/peer_types.h>

#include "protocol/message.h"
#include "thrift/convert/convert_common.h"

namespace troth::thrift {

v1::Decision::type to_wire(Decision decision);
v1::Elect to_wire(const protocol::Elect& message);
v1::Elected to_wire(const protocol::Elected& message);
v1::PreDecide to_wire(const protocol::PreDecide& message);
v1::PreDecided to_wire(const protocol::PreDecided& message);
v1::AskMember to_wire(const protocol::AskMember& message);
v1::MemberAnswer to_wire(const protocol::MemberAnswer& message);

/// Never guessed: a decision that is not one of the two is no decision.
Result<Decision> decision_from_wire(bool is_set, v1::Decision::type wire, const Where& where);
Result<protocol::Message> from_wire(const v1::Elect& wire, const Where& where);
Result<protocol::Message> from_wire(const v1::Elected& wire, const Where& where);
Result<protocol::Message> from_wire(const v1::PreDecide& wire, const Where& where);
Result<protocol::Message> from_wire(const v1::PreDecided& wire, const Where& where);
Result<protocol::Message> from_wire(const v1::AskMember& wire, const Where& where);
Result<protocol::Message> from_wire(const v1::MemberAnswer& wire, const Where& where);

}  // namespace troth::thrift
