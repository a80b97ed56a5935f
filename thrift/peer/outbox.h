#pragma once
// The messages that wait to be sent to one peer: bounded, in two lanes. Decisions and other short
// answers go first. Messages that every transaction sends wait in their wire encoding, so thousands
// of them take little more memory than their bytes. Internal to PeerLink.

#include <deque>
#include <string>
#include <vector>

#include "base/codec.h"
#include "protocol/message.h"
#include "protocol/packed_message.h"

namespace troth::thrift {

/// The messages of one lane in a call; kept until the peer has confirmed them.
struct Portion {
  std::string packed;  ///< each message behind its length
  std::size_t packed_count = 0;
  std::vector<protocol::Message> plain;
  std::size_t size() const { return packed_count + plain.size(); }
};

/// One lane, first in first out among the packed ones and among the others.
class Lane {
 public:
  std::size_t size() const { return packed_count_ + plain_.size(); }
  bool empty() const { return size() == 0; }
  /// About as many as it has.
  std::size_t bytes() const;

  void push(protocol::Message message) { plain_.push_back(std::move(message)); }
  void push_packed(std::string_view message);
  void clear();

  /// How much more a call may carry, and whether it is still empty.
  struct Room {
    std::size_t messages;
    std::size_t bytes;
    bool empty = true;
  };
  /// The front of the lane as far as there is room; the first message always fits into an empty
  /// call. True when nothing is left.
  bool take(Portion& out, Room& room);
  /// To the front again.
  void put_back(Portion portion);

 private:
  std::string packed_;
  std::size_t taken_ = 0;  // bytes at the front of packed_ that are gone already
  std::size_t packed_count_ = 0;
  std::size_t usual_bytes_ = 0;  // of the last call that took all
  std::deque<protocol::Message> plain_;
};

/// The messages of one call.
struct CallLoad {
  Portion urgent, bulk;
  std::size_t size() const { return urgent.size() + bulk.size(); }
};

/// Not thread-safe: its link guards it.
class Outbox {
 public:
  /// More than `limit` messages are refused.
  explicit Outbox(std::size_t limit) : limit_(limit) {}

  std::size_t size() const { return urgent_.size() + bulk_.size(); }
  bool empty() const { return size() == 0; }
  std::size_t bytes() const { return urgent_.bytes() + bulk_.bytes(); }

  /// False: there is no room for it, or it is longer than a peer accepts.
  bool push(protocol::Message&& message);
  bool push(const protocol::PrepareView& prepare);
  /// Nothing: an empty batch.
  CallLoad take(std::size_t max_messages, std::size_t max_bytes);
  /// Puts back the messages that a busy peer did not take, in the order in which they were taken.
  void put_back(std::vector<CallLoad> batches);
  void clear();

 private:
  bool has_room(std::size_t bytes) const;

  const std::size_t limit_;
  Lane urgent_, bulk_;
  ByteWriter scratch_;
};

}  // namespace troth::thrift
