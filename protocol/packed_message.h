#pragma once
// The four messages that every transaction sends, in our own byte encoding. Converting them to and
// from Thrift structs was a third of the cost of a transfer. Other messages are rare and stay plain
// Thrift.

#include <optional>
#include <string_view>
#include <utility>

#include "base/codec.h"
#include "protocol/message.h"
#include "protocol/policy.h"

namespace troth::protocol {

/// Prepare, VoteMessage, Decide and Ack.
bool is_packable(const Message& message);
/// A Prepare with these statements. Not with snapshot reads: 0.1.0 cannot unpack them, but takes
/// the plain message and reads with locks.
bool is_packable(const std::vector<Statement>& statements);
/// Appends one packable message.
void pack(ByteWriter& out, const Message& message);
void pack(ByteWriter& out, const PrepareView& prepare);
/// kCorruption says what does not fit; `message` is then undefined.
Status unpack(std::string_view packed, Message& message);

/// Packed messages in a row, each behind its length.
class PackedMessages {
 public:
  /// `packed` outlives this.
  explicit PackedMessages(std::string_view packed) : in_(packed) {}
  /// The next message into `message`, or an error. An error loses only that message, unless its
  /// length is wrong. Nothing at the end.
  std::optional<Status> next(Message& message);

 private:
  ByteReader in_;
};

/// Kind and gtid of a packed message; the rest of it is not read.
struct PackedHead {
  enum class Kind : std::uint8_t { kPrepare = 1, kVote = 2, kDecide = 3, kAck = 4 };
  Kind kind = Kind::kAck;
  Gtid gtid;
  std::string_view whole;  ///< with its length in front
  Action action() const;   ///< as action_of()
};

/// The heads of packed messages in a row.
class PackedHeads {
 public:
  /// `packed` outlives this.
  explicit PackedHeads(std::string_view packed) : packed_(packed), in_(packed) {}
  /// Nothing at the end, and from the first message whose length is wrong. A malformed head is
  /// returned as kAck of the nil gtid; PackedMessages then reports the error.
  std::optional<PackedHead> next();

 private:
  std::string_view packed_;
  ByteReader in_;
};

/// Passes every message of a batch to `handle`, the packed ones first, in the order in which they
/// were sent. A message that cannot be read goes to `damaged` as an Error.
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
