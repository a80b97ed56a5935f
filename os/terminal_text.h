#pragma once
// Makes text from outside harmless for the terminal that shows it, and for its reader.

#include <cstdint>
#include <string>
#include <string_view>

namespace troth {

struct CodePoint {
  std::uint32_t code = 0;
  std::size_t length = 0;  ///< in bytes; 0: not UTF-8
};
/// The first one of a text that is not empty.
CodePoint first_code_point(std::string_view text);
/// C0, DEL, C1 (U+009B starts an escape sequence) and the marks that reorder text.
bool drives_terminal(std::uint32_t code);
/// JSON as it was, with what drives a terminal escaped inside its strings.
std::string printable_json(const std::string& json);

}  // namespace troth
