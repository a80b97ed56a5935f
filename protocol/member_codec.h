#pragma once
#include <algorithm>
#include <vector>

#include "base/codec.h"
#include "protocol/message.h"

namespace troth::protocol {

/// A member as log records and packed messages carry it: name, log id, epoch (u32), address.
inline void put(ByteWriter& out, const Member& m) {
  out.name(m.name);
  out.log_id(m.log_id);
  out.u32(m.epoch.value);
  out.bytes(m.address);
}
/// Into an empty one.
inline void get_member(ByteReader& in, Member& m) {
  in.name(m.name);
  m.log_id = in.log_id();
  m.epoch = {in.u32()};
  in.text(m.address);
}
inline void get_members(ByteReader& in, std::vector<Member>& members) {
  constexpr std::size_t kUsual = 16;
  const std::size_t n = in.count(22);
  members.reserve(std::min(n, kUsual));
  for (std::size_t i = 0; i < n && in.ok(); ++i) get_member(in, members.emplace_back());
}

}  // namespace troth::protocol
