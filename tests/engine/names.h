#pragma once
// Names and log ids as the tests of engine/ write them.

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace troth::tests {

inline NodeName name(const std::string& text) {
  return NodeName::from_trusted(text);
}
inline LogId log_id(std::uint8_t n) {
  LogId id;
  id.bytes[0] = n;
  return id;
}

}  // namespace troth::tests
