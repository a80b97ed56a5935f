#include "thrift/peer/outbox.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "thrift/convert/convert_peer.h"

namespace troth::thrift {

namespace {

bool claim(Lane::Room& room, std::size_t bytes) {
  if (room.messages == 0 || (!room.empty && bytes > room.bytes)) return false;
  room.empty = false;
  --room.messages;
  room.bytes -= std::min(room.bytes, bytes);
  return true;
}

constexpr std::size_t kMaxMessageBytes = 15'000'000;  // below the receiver's frame limit

/// Work that may wait behind decisions. An inquiry about a one-phase transaction stays behind its
/// request: the answer to an inquiry that comes first is "never heard of it, now refused for ever".
bool is_bulk(const protocol::Message& message) {
  return std::holds_alternative<protocol::Prepare>(message) ||
         std::holds_alternative<protocol::CommitOnePhase>(message) ||
         std::holds_alternative<protocol::Execute>(message) ||
         std::holds_alternative<protocol::InquireOnePhase>(message);
}

}  // namespace

void Lane::push_packed(std::string_view message) {
  if (packed_.empty()) packed_.reserve(usual_bytes_);
  std::array<char, kLongestVarint> length;
  packed_.append(length.data(), put_varint(length.data(), message.size()));
  packed_.append(message);
  ++packed_count_;
}

std::size_t Lane::bytes() const {
  std::size_t sum = packed_.size() - taken_;
  for (const auto& message : plain_) sum += approximate_bytes(message);
  return sum;
}

void Lane::clear() {
  *this = {};
}

bool Lane::take(Portion& out, Room& room) {
  // These go first: they are few, and otherwise they might wait for ever.
  while (!plain_.empty() && claim(room, approximate_bytes(plain_.front()))) {
    out.plain.push_back(std::move(plain_.front()));
    plain_.pop_front();
  }
  if (!plain_.empty()) return false;
  const auto waiting = std::string_view(packed_).substr(taken_);
  if (packed_count_ == 0) return true;
  if (taken_ == 0 && packed_count_ <= room.messages && packed_.size() <= room.bytes) {
    room.empty = false;
    room.messages -= packed_count_;
    room.bytes -= packed_.size();
    constexpr std::size_t kMostReserved = std::size_t{32} << 10;
    usual_bytes_ = std::min(packed_.size(), kMostReserved);
    out.packed = std::exchange(packed_, {});
    out.packed_count = std::exchange(packed_count_, 0);
    return true;
  }
  ByteReader in(waiting);
  std::size_t end = 0;
  while (out.packed_count < packed_count_) {
    const auto before = in.left();
    in.bytes();
    TROTH_ASSERT(in.ok(), "an outbox of {} bytes is damaged", packed_.size());
    if (!claim(room, before - in.left())) break;
    end = waiting.size() - in.left();
    ++out.packed_count;
  }
  out.packed.assign(waiting.substr(0, end));
  packed_count_ -= out.packed_count;
  taken_ += end;
  if (2 * taken_ >= packed_.size()) {
    packed_.erase(0, taken_);
    taken_ = 0;
  }
  return packed_count_ == 0;
}

void Lane::put_back(Portion portion) {
  packed_.erase(0, taken_);
  taken_ = 0;
  packed_.insert(0, portion.packed);
  packed_count_ += portion.packed_count;
  plain_.insert(plain_.begin(), std::make_move_iterator(portion.plain.begin()),
                std::make_move_iterator(portion.plain.end()));
}

bool Outbox::has_room(std::size_t bytes) const {
  return bytes <= kMaxMessageBytes && size() < limit_;
}

bool Outbox::push(protocol::Message&& message) {
  const bool packable = protocol::is_packable(message);
  scratch_.clear();
  if (packable) protocol::pack(scratch_, message);
  if (!has_room(packable ? scratch_.view().size() : approximate_bytes(message))) return false;
  auto& lane = is_bulk(message) ? bulk_ : urgent_;
  if (packable) {
    lane.push_packed(scratch_.view());
  } else {
    lane.push(std::move(message));
  }
  return true;
}

bool Outbox::push(const protocol::PrepareView& prepare) {
  if (!protocol::is_packable(prepare.statements)) return push(protocol::Message(prepare.message()));
  scratch_.clear();
  protocol::pack(scratch_, prepare);
  if (!has_room(scratch_.view().size())) return false;
  bulk_.push_packed(scratch_.view());
  return true;
}

CallLoad Outbox::take(std::size_t max_messages, std::size_t max_bytes) {
  CallLoad batch;
  Lane::Room room{max_messages, max_bytes};
  if (urgent_.take(batch.urgent, room)) bulk_.take(batch.bulk, room);
  return batch;
}

void Outbox::put_back(std::vector<CallLoad> batches) {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    urgent_.put_back(std::move(batch->urgent));
    bulk_.put_back(std::move(batch->bulk));
  }
}

void Outbox::clear() {
  urgent_.clear();
  bulk_.clear();
}

}  // namespace troth::thrift
