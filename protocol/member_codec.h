#pragma once
#include <string>

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
inline Member get_member(ByteReader& in) {
  Member m;
  m.name = in.name();
  m.log_id = in.log_id();
  m.epoch = {in.u32()};
  m.address = std::string(in.bytes());
  return m;
}

}  // namespace troth::protocol
