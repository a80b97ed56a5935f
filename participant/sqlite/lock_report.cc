// Locks for people: resources by their names, and cursors that find the place again.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "participant/sqlite/manager.h"

namespace troth::participant::sqlite {

namespace {

const char* name_of(LockMode mode) {
  switch (mode) {
    case LockMode::kIS:
      return "IS";
    case LockMode::kIX:
      return "IX";
    case LockMode::kS:
      return "S";
    case LockMode::kSIX:
      return "SIX";
    case LockMode::kX:
      return "X";
  }
  return "?";
}

std::string cursor_at(const Resource& resource) {
  std::string out = fmt::format("{}.{}.", resource.table, resource.index);
  for (const char c : resource.key)
    out += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out;
}

std::optional<Resource> parse_cursor(const std::string& text) {
  Resource out;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (auto* number : {&out.table, &out.index}) {
    const auto [stop, error] = std::from_chars(at, end, *number);
    if (error != std::errc{} || stop == end || *stop != '.') return std::nullopt;
    at = stop + 1;
  }
  if ((end - at) % 2 != 0) return std::nullopt;
  for (; at != end; at += 2) {
    unsigned byte = 0;
    const auto [stop, error] = std::from_chars(at, at + 2, byte, 16);
    if (error != std::errc{} || stop != at + 2) return std::nullopt;
    out.key.push_back(static_cast<char>(byte));
  }
  return out;
}

std::vector<LockParty> parties(const std::vector<LockTable::View::Party>& seen) {
  std::vector<LockParty> out;
  for (const auto& party : seen) {
    LockParty shown;
    shown.gtid = party.owner;
    shown.mode = name_of(party.mode);
    if (!party.behind.is_nil()) shown.behind = party.behind.text();
    out.push_back(std::move(shown));
  }
  return out;
}

}  // namespace

Result<LockPage> SqliteResourceManager::locks(const LockQuery& query, const Gtid& owner) const {
  LockTable::ViewQuery wanted{owner, query.all, std::max<std::size_t>(query.limit, 1), {}};
  if (!query.after.empty()) {
    wanted.after = parse_cursor(query.after);
    if (!wanted.after)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is no cursor that this participant gave", query.after));
  }
  LockPage out;
  bool more = false;
  const auto seen = locks_.view(wanted, more);
  for (const auto& view : seen)
    out.resources.push_back({text_of(bench_.schema, view.resource), parties(view.holders),
                             view.holders_total, parties(view.waiters), view.waiters_total});
  if (more) out.next = cursor_at(seen.back().resource);
  out.locks = locks_.locks();
  out.waiting = locks_.waiters();
  return out;
}

std::string text_of(const Schema& schema, const Resource& resource) {
  if (resource.table >= schema.size()) return "a table";
  const auto& name = schema.table(resource.table).name;
  if (const auto whole = schema.whole(LockMode::kS); whole && whole->resource == resource)
    return "the schema";
  if (resource.index == Resource::kWholeTable) return fmt::format("table {}", name);
  std::string key;
  for (const char c : resource.key) key += c >= 0x20 && c < 0x7f ? c : '.';
  return fmt::format("a row of {} ({})", name, key.size() > 1 ? key.substr(1, 40) : key);
}

}  // namespace troth::participant::sqlite
