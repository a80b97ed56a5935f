#include "protocol/statement.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::protocol {

namespace {
enum class Tag : std::uint8_t { kNull = 0, kInteger = 1, kReal = 2, kText = 3, kBlob = 4 };

// Beside the kind of the expectation.
constexpr std::uint8_t kAtSnapshot = 0x80;

__extension__ using Wide = unsigned __int128;
}  // namespace

void encode(ByteWriter& out, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    out.u8(static_cast<std::uint8_t>(Tag::kNull));
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out.u8(static_cast<std::uint8_t>(Tag::kInteger));
    out.signed_varint(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out.u8(static_cast<std::uint8_t>(Tag::kReal));
    out.f64(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out.u8(static_cast<std::uint8_t>(Tag::kText));
    out.bytes(*text);
  } else {
    out.u8(static_cast<std::uint8_t>(Tag::kBlob));
    out.bytes(std::get<Blob>(value).bytes);
  }
}

Value decode_value(ByteReader& in) {
  switch (static_cast<Tag>(in.u8())) {
    case Tag::kNull:
      return std::monostate{};
    case Tag::kInteger:
      return in.signed_varint();
    case Tag::kReal:
      return in.f64();
    case Tag::kText:
      return std::string(in.bytes());
    case Tag::kBlob:
      return Blob{std::string(in.bytes())};
  }
  in.fail_here();
  return std::monostate{};
}

void encode(ByteWriter& out, const Statement& statement) {
  out.bytes(statement.sql);
  out.varint(statement.params.size());
  for (const auto& param : statement.params) encode(out, param);
  auto flags = static_cast<std::uint8_t>(
      statement.expect ? 1 + static_cast<int>(statement.expect->kind) : 0);
  if (statement.read == ReadMode::kSnapshot) flags |= kAtSnapshot;
  out.u8(flags);
  if (statement.expect) out.signed_varint(statement.expect->rows);
}

void decode(ByteReader& in, Statement& statement) {
  in.text(statement.sql);
  constexpr std::size_t kUsualParams = 16;
  const std::size_t params = in.count(1);
  statement.params.reserve(std::min(params, kUsualParams));
  for (std::size_t i = 0; i < params && in.ok(); ++i) statement.params.push_back(decode_value(in));
  const std::uint8_t flags = in.u8();
  if ((flags & kAtSnapshot) != 0) statement.read = ReadMode::kSnapshot;
  const auto expect = static_cast<std::uint8_t>(flags & ~kAtSnapshot);
  if (expect > 2) in.fail_here();
  if (expect != 0)
    statement.expect = Expectation{static_cast<RowCount>(expect - 1), in.signed_varint()};
}

void encode(ByteWriter& out, const StatementResult& result) {
  out.varint(result.columns.size());
  for (const auto& column : result.columns) out.bytes(column);
  out.varint(result.rows.size());
  for (const auto& row : result.rows) {
    out.varint(row.size());
    for (const auto& value : row) encode(out, value);
  }
  out.signed_varint(result.changes);
}
void decode(ByteReader& in, StatementResult& result) {
  const auto columns = in.count(1);
  for (std::size_t i = 0; i < columns && in.ok(); ++i) result.columns.emplace_back(in.bytes());
  const auto rows = in.count(1);
  for (std::size_t i = 0; i < rows && in.ok(); ++i) {
    auto& row = result.rows.emplace_back();
    const auto values = in.count(1);
    for (std::size_t v = 0; v < values && in.ok(); ++v) row.push_back(decode_value(in));
  }
  result.changes = in.signed_varint();
}

std::string body_digest(std::string_view encoded_body) {
  constexpr Wide kPrime = (static_cast<Wide>(1) << 88) + 0x13b;
  Wide hash = (static_cast<Wide>(0x6c62272e07bb0142ull) << 64) | 0x62b821756295c58dull;
  for (const char c : encoded_body) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= kPrime;
  }
  return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64),
                     static_cast<std::uint64_t>(hash));
}

std::size_t message_bytes(const std::vector<Statement>& statements) {
  constexpr std::size_t kAround = 16;  // a length, a type, an expectation
  std::size_t bytes = 0;
  for (const auto& statement : statements) {
    bytes += statement.sql.size() + 2 * kAround;
    for (const auto& value : statement.params) {
      bytes += kAround;
      if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
      if (const auto* blob = std::get_if<Blob>(&value)) bytes += blob->bytes.size();
    }
  }
  return bytes;
}

}  // namespace troth::protocol
