#include "base/trace.h"

#include <algorithm>

namespace troth {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  std::string out;
  for (const auto byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

/// Lower case only, and not all zeros: the standard calls both invalid.
template <std::size_t N>
bool from_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  for (std::size_t i = 0; i < N; ++i) {
    const auto high = kDigits.find(text[2 * i]), low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

template <std::size_t N>
bool is_zero(const std::array<std::uint8_t, N>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; });
}

}  // namespace

SpanId SpanId::of(std::string_view words) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : words)
    hash = (hash ^ static_cast<std::uint8_t>(c)) * std::uint64_t{1099511628211U};
  SpanId out;
  for (auto& byte : out.bytes) {
    byte = static_cast<std::uint8_t>(hash);
    hash >>= 8;
  }
  if (is_zero(out.bytes)) out.bytes.back() = 1;
  return out;
}

std::string SpanId::text() const {
  return hex(bytes);
}

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags; later versions may have more behind it
  constexpr std::size_t kLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (traceparent.size() < kLength || traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-')
    return std::nullopt;
  std::array<std::uint8_t, 1> version{}, flags{};
  TraceContext out;
  if (!from_hex(traceparent.substr(0, 2), version) || version[0] == 0xff ||
      !from_hex(traceparent.substr(3, 32), out.trace_id) || is_zero(out.trace_id) ||
      !from_hex(traceparent.substr(36, 16), out.parent.bytes) || is_zero(out.parent.bytes) ||
      !from_hex(traceparent.substr(53, 2), flags))
    return std::nullopt;
  if (traceparent.size() > kLength && (version[0] == 0 || traceparent[kLength] != '-'))
    return std::nullopt;
  out.sampled = (flags[0] & 1) != 0;
  return out;
}

std::string TraceContext::trace_id_text() const {
  return hex(trace_id);
}

std::string TraceContext::text() const {
  return "00-" + trace_id_text() + "-" + parent.text() + (sampled ? "-01" : "-00");
}

}  // namespace troth
