#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

namespace {

bool numeric(Affinity affinity) {
  return affinity == Affinity::kNumeric || affinity == Affinity::kInteger ||
         affinity == Affinity::kReal;
}

// A well-formed number in text is converted by numeric affinity; anything else stays text.
struct NumberInText {
  bool is_number = false;
  std::optional<Value> value;  // nothing: SQLite need not round it as from_chars() does
};

NumberInText number_in(std::string_view text) {
  constexpr std::size_t kExactDigits = 15;
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return {};
  std::int64_t integer = 0;
  const auto* end = text.data() + text.size();
  if (const auto [at, error] = std::from_chars(text.data(), end, integer);
      error == std::errc{} && at == end)
    return {true, Value(integer)};
  double real = 0;
  const auto [at, error] = std::from_chars(text.data(), end, real);
  if (error == std::errc::invalid_argument || at != end) return {};
  const bool exact =
      error == std::errc{} && text.size() <= kExactDigits && std::trunc(real) == real;
  return {true, exact ? std::optional(Value(real)) : std::nullopt};
}

std::string tagged(char tag, std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 1);
  out.push_back(tag);
  out.append(bytes);
  return out;
}

std::string canonical_integer(std::int64_t value) {
  char bytes[1 + std::numeric_limits<std::int64_t>::digits10 + 2] = {'i'};  // 19 digits and a sign
  return {bytes, std::to_chars(bytes + 1, std::end(bytes), value).ptr};
}

std::string canonical_real(double value) {
  // SQLite compares integers and reals exactly, so every whole REAL in the range is that integer.
  constexpr double kBeyondIntegers = 9223372036854775808.0;  // 2^63
  if (std::trunc(value) == value && std::fabs(value) < kBeyondIntegers)
    return canonical_integer(static_cast<std::int64_t>(value));
  ByteWriter out;
  out.f64(value);
  return tagged('r', out.view());
}

std::string folded(const std::string& text, Collation collation) {
  std::string out = text;
  if (collation == Collation::kNoCase) {
    // SQLite compares up to a NUL, and then the lengths.
    if (const auto nul = text.find('\0'); nul != std::string::npos)
      out = text.substr(0, nul + 1) + std::to_string(text.size());
    for (auto& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (collation == Collation::kRtrim)
    while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::optional<std::string> canonical(const Value& value, Affinity affinity, Collation collation) {
  if (collation == Collation::kCustom) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    if (affinity == Affinity::kText)
      return tagged('t', folded(std::to_string(*integer), collation));
    if (affinity == Affinity::kReal) return canonical_real(static_cast<double>(*integer));
    return canonical_integer(*integer);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    if (affinity == Affinity::kText)
      return std::nullopt;  // how SQLite prints a REAL is its own affair
    return canonical_real(*real);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (const auto number = numeric(affinity) ? number_in(*text) : NumberInText(); number.is_number)
      return number.value ? canonical(*number.value, affinity, collation) : std::nullopt;
    return tagged('t', folded(*text, collation));
  }
  if (const auto* blob = std::get_if<Blob>(&value)) return tagged('b', blob->bytes);
  return std::nullopt;
}

}  // namespace troth::participant::sqlite
