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

int crockford_value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const auto at = kCrockford.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string LogId::text() const {
  std::string out;
  for (const auto byte : bytes) out += fmt::format("{:02x}", byte);
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

Gtid Gtid::from_words(std::uint64_t high, std::uint64_t low) {
  Gtid g;
  g.high_ = high;
  g.low_ = low;
  return g;
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

Result<NodeName> NodeName::parse(std::string_view text) {
  const bool valid = !text.empty() && text.size() <= 64 && text[0] != '_' && text[0] != '-' &&
                     std::all_of(text.begin(), text.end(), is_name_char);
  if (!valid)
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "name \"{}\" must be 1-64 characters of a-z 0-9 _ - and start with a letter or digit",
            text));
  NodeName name;
  name.text_ = std::string(text);
  return name;
}

NodeName NodeName::from_trusted(std::string_view text) {
  auto name = parse(text);
  TROTH_ASSERT(name.has_value(), "name \"{}\" is not valid", text);
  return *std::move(name);
}

}  // namespace troth
