#include "base/ids.h"

#include <algorithm>

#include "base/assert.h"

namespace troth {

namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kGtidTextLength = 26;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Of every byte; -1 = no digit. Every message carries a transaction id, so this is a table.
constexpr std::array<std::int8_t, 256> crockford_values() {
  std::array<std::int8_t, 256> out{};
  for (auto& value : out) value = -1;
  for (std::size_t i = 0; i < kCrockford.size(); ++i) {
    const auto c = static_cast<unsigned char>(kCrockford[i]);
    out[c] = static_cast<std::int8_t>(i);
    if (c >= 'A') out[c + std::size_t{'a' - 'A'}] = static_cast<std::int8_t>(i);
  }
  out['O'] = out['o'] = 0;
  out['I'] = out['i'] = out['L'] = out['l'] = 1;
  return out;
}

int crockford_value(char c) {
  static constexpr auto kValues = crockford_values();
  return kValues[static_cast<unsigned char>(c)];
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string LogId::text() const {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(2 * bytes.size(), '0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = kHex[bytes[i] >> 4];
    out[2 * i + 1] = kHex[bytes[i] & 15];
  }
  return out;
}

Result<LogId> LogId::parse(std::string_view text) {
  LogId id;
  if (text.size() != 2 * id.bytes.size())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("log id \"{}\" is not 32 hex digits", text));
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("log id \"{}\" is not 32 hex digits", text));
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return id;
}

CoordinatorTag CoordinatorTag::of(const LogId& log_id) {
  std::uint64_t tag = 0;
  for (std::size_t i = 0; i < 6; ++i) tag = (tag << 8) | log_id.bytes[i];
  return {tag};
}

Gtid::Gtid(CoordinatorTag tag, Epoch epoch, std::uint64_t sequence, Decider decider)
    : high_((tag.value << 16) | (epoch.value >> 16)),
      low_((static_cast<std::uint64_t>(epoch.value & 0xffff) << 48) | (sequence << 1) |
           static_cast<std::uint64_t>(decider)) {
  TROTH_ASSERT(tag.value < (std::uint64_t{1} << 48), "tag {} has more than 48 bits", tag.value);
  TROTH_ASSERT(sequence < (std::uint64_t{1} << 47), "epoch {} ran out of sequence numbers", epoch);
}

std::string Gtid::text() const {
  std::string out(kGtidTextLength, '0');
  std::uint64_t high = high_;
  std::uint64_t low = low_;
  for (std::size_t i = kGtidTextLength; i-- > 0;) {
    out[i] = kCrockford[low & 31];
    low = (low >> 5) | (high << 59);
    high >>= 5;
  }
  return out;
}

Result<Gtid> Gtid::parse(std::string_view text) {
  if (text.size() != kGtidTextLength)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("transaction id \"{}\" has {} characters, not {}", text, text.size(),
                            kGtidTextLength));
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int digit = crockford_value(text[i]);
    if (digit < 0 || (i == 0 && digit > 7))
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("transaction id \"{}\" has an invalid character '{}' at position {}",
                              text, text[i], i + 1));
    high = (high << 5) | (low >> 59);
    low = (low << 5) | static_cast<std::uint64_t>(digit);
  }
  return from_words(high, low);
}

bool NodeName::assign(std::string_view text) {
  const bool valid = !text.empty() && text.size() <= 64 && text[0] != '_' && text[0] != '-' &&
                     std::all_of(text.begin(), text.end(), is_name_char);
  if (valid) text_ = text;
  return valid;
}

Result<NodeName> NodeName::parse(std::string_view text) {
  NodeName name;
  if (name.assign(text)) return name;
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format(
          "name \"{}\" must be 1-64 characters of a-z 0-9 _ - and start with a letter or digit",
          text));
}

NodeName NodeName::from_trusted(std::string_view text) {
  auto name = parse(text);
  TROTH_ASSERT(name.has_value(), "name \"{}\" is not valid", text);
  return *std::move(name);
}

}  // namespace troth
