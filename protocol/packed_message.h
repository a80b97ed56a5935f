#pragma once
// The four messages that every transaction sends, in our own byte encoding: of the cost of a
// transfer a third was the conversion between wire structs and ours. Others are rare and stay
// plain Thrift.

#include <string_view>

#include "base/codec.h"
#include "protocol/message.h"

namespace troth::protocol {

/// Prepare, VoteMessage, Decide and Ack.
bool is_packable(const Message& message);
/// Appends one packable message.
void pack(ByteWriter& out, const Message& message);
/// kCorruption says what does not fit.
Result<Message> unpack(std::string_view packed);

}  // namespace troth::protocol
