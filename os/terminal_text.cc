#include "os/terminal_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth {

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  return {code, length};
}

bool drives_terminal(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c || code == 0x200e ||
         code == 0x200f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

std::string printable_json(const std::string& json) {
  std::string out;
  for (std::size_t i = 0; i < json.size();) {
    const auto [code, length] = first_code_point(std::string_view(json).substr(i));
    if (length != 0 && code != '\n' && drives_terminal(code)) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out.append(json, i, std::max<std::size_t>(length, 1));
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace troth
