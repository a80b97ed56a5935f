#pragma once
// The four messages that every transaction sends, in our own byte encoding: of the cost of a
// transfer a third was the conversion between wire structs and ours. Others are rare and stay
// plain Thrift.

#include <optional>
#include <string_view>
#include <utility>

#include "base/codec.h"
#include "protocol/message.h"

namespace troth::protocol {

/// Prepare, VoteMessage, Decide and Ack.
bool is_packable(const Message& message);
/// Appends one packable message.
void pack(ByteWriter& out, const Message& message);
void pack(ByteWriter& out, const PrepareView& prepare);
/// kCorruption says what does not fit; `message` is nothing to go by then.
Status unpack(std::string_view packed, Message& message);

/// Packed messages in a row, each behind its length.
class PackedMessages {
 public:
  /// `packed` outlives this.
  explicit PackedMessages(std::string_view packed) : in_(packed) {}
  /// The next one into `message`, or what is wrong with it: that costs none of the others, unless
  /// its length is wrong. Nothing at the end.
  std::optional<Status> next(Message& message);

 private:
  ByteReader in_;
};

/// Hands every message of a batch to `handle`, the packed ones first, as they were sent; what
/// cannot be read goes to `damaged` as an Error.
template <class Handle, class Damaged>
void take_messages(Batch&& batch, Handle&& handle, Damaged&& damaged) {
  PackedMessages packed(batch.packed);
  Message message;
  while (const auto read = packed.next(message)) {
    if (*read) {
      handle(std::move(message));
    } else {
      damaged(read->error());
    }
  }
  for (auto& plain : batch.messages) handle(std::move(plain));
}

}  // namespace troth::protocol
