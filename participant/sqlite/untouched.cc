#include "participant/sqlite/untouched.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace troth::participant::sqlite {

namespace {

// Shorter ones are cheap to keep, and whole they are compared exactly.
constexpr std::size_t kLarge = 256;

const std::string* bytes_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text;
  const auto* blob = std::get_if<Blob>(&value);
  return blob == nullptr ? nullptr : &blob->bytes;
}

// In logs: must not change. FNV-1a over words of eight bytes, little-endian, the last one filled
// with zeros; then the length and whether it is a text.
std::int64_t fingerprint_of(const Value& value) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t kPrime = 0x100000001b3;
  constexpr int kRotate = 29;
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint64_t word) { hash = std::rotl((hash ^ word) * kPrime, kRotate); };
  const auto& bytes = *bytes_of(value);
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min(sizeof word, bytes.size() - at));
    add(word);
  }
  add(bytes.size());
  add(std::holds_alternative<std::string>(value) ? 1 : 0);
  return std::bit_cast<std::int64_t>(hash);
}

bool is_in_key(const TableInfo& table, int column) {
  const auto names = [column](const std::vector<int>& columns) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  };
  return table.columns[static_cast<std::size_t>(column)].in_foreign_key ||
         names(table.primary_key) ||
         std::any_of(table.unique.begin(), table.unique.end(),
                     [&](const IndexInfo& index) { return names(index.columns); });
}

}  // namespace

void leave_out_untouched(const TableInfo& table, RowOp& op) {
  if (op.kind != RowOpKind::kUpdate || table.is_sequence) return;  // its names are looked at
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    auto& before = op.old_row[column];
    auto& after = op.new_row[column];
    const auto* bytes = bytes_of(before);
    if (bytes == nullptr || bytes->size() < kLarge || before != after ||
        is_in_key(table, static_cast<int>(column)))
      continue;
    before = after = fingerprint_of(before);
    op.untouched.push_back(static_cast<std::uint32_t>(column));
  }
}

bool matches_fingerprint(const Value& value, const Value& fingerprint) {
  const auto* known = std::get_if<std::int64_t>(&fingerprint);
  return known != nullptr && bytes_of(value) != nullptr && fingerprint_of(value) == *known;
}

}  // namespace troth::participant::sqlite
