#pragma once
// The identities of troth/ids.h, and how fmt prints them.

#include <fmt/format.h>

#include <string>

#include "troth/ids.h"

template <>
struct fmt::formatter<troth::Lsn> : fmt::formatter<std::uint64_t> {
  auto format(troth::Lsn v, format_context& ctx) const {
    return fmt::formatter<std::uint64_t>::format(v.value, ctx);
  }
};
template <>
struct fmt::formatter<troth::Epoch> : fmt::formatter<std::uint32_t> {
  auto format(troth::Epoch v, format_context& ctx) const {
    return fmt::formatter<std::uint32_t>::format(v.value, ctx);
  }
};
template <>
struct fmt::formatter<troth::LogId> : fmt::formatter<std::string> {
  auto format(const troth::LogId& v, format_context& ctx) const {
    return fmt::formatter<std::string>::format(v.text(), ctx);
  }
};
template <>
struct fmt::formatter<troth::Gtid> : fmt::formatter<std::string> {
  auto format(const troth::Gtid& v, format_context& ctx) const {
    return fmt::formatter<std::string>::format(v.text(), ctx);
  }
};
template <>
struct fmt::formatter<troth::NodeName> : fmt::formatter<std::string> {
  auto format(const troth::NodeName& v, format_context& ctx) const {
    return fmt::formatter<std::string>::format(v.text(), ctx);
  }
};
