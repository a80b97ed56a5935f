#pragma once
// Lists of wire structs and back. The error of a bad item names its place.

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "thrift/convert/convert_common.h"

namespace troth::thrift {

/// The from_wire() that fits, as a function to pass on. (Lookup by argument finds it through Where;
/// a to_wire() would not be found, so those are passed by their callers.)
inline constexpr auto kFromWire = [](auto&& item, const Where& where) {
  return from_wire(std::move(item), where);
};

template <class Wire, class Plain, class Convert>
std::vector<Wire> list_to_wire(const std::vector<Plain>& in, Convert convert) {
  std::vector<Wire> out;
  out.reserve(in.size());
  for (const auto& item : in) out.push_back(convert(item));
  return out;
}

template <class Plain, class Wire, class Convert = decltype(kFromWire)>
Result<std::vector<Plain>> list_from_wire(std::vector<Wire>&& in, const Where& where,
                                          std::string_view field, Convert convert = kFromWire) {
  std::vector<Plain> out;
  out.reserve(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(auto item, convert(std::move(in[i]), Where(where, field, i)));
    out.push_back(std::move(item));
  }
  return out;
}

/// The wire has no unsigned numbers. A negative one counts as 0.
inline std::uint64_t count_from_wire(std::int64_t v) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(v, 0));
}

}  // namespace troth::thrift
