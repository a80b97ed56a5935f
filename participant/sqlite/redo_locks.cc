#include "participant/sqlite/redo_locks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>

namespace troth::participant::sqlite {

namespace {

enum class Scope : std::uint8_t { kTable = 0, kRowid = 1, kIndex = 2 };

bool includes(const LockRequest& strong, const LockRequest& weak) {
  return strong.resource == weak.resource && combined(strong.mode, weak.mode) == strong.mode;
}

Scope scope_of(const Resource& resource) {
  if (resource.index == Resource::kWholeTable) return Scope::kTable;
  return resource.index == 0 ? Scope::kRowid : Scope::kIndex;
}

// One resource of one table, or nothing if the table no longer has it.
std::optional<std::uint32_t> find_index(const TableInfo& table, Scope scope,
                                        std::string_view name) {
  if (scope == Scope::kTable) return Resource::kWholeTable;
  if (scope == Scope::kRowid) return 0;
  for (const auto& index : table.unique)
    if (index.name == name) return index.number;
  return std::nullopt;
}

}  // namespace

std::vector<LockRequest> locks_beyond(std::vector<LockRequest> held,
                                      const std::vector<LockRequest>& implied) {
  constexpr std::size_t kFew = 16;
  if (held.size() <= kFew) {
    std::erase_if(held, [&](const LockRequest& lock) {
      return std::any_of(implied.begin(), implied.end(),
                         [&](const LockRequest& other) { return includes(other, lock); });
    });
    return held;
  }
  std::map<Resource, LockMode> known;
  for (const auto& lock : implied) {
    const auto [at, is_new] = known.emplace(lock.resource, lock.mode);
    if (!is_new) at->second = combined(at->second, lock.mode);
  }
  std::erase_if(held, [&](const LockRequest& lock) {
    const auto found = known.find(lock.resource);
    return found != known.end() && includes({found->first, found->second}, lock);
  });
  return held;
}

void put_locks(ByteWriter& out, const Schema& schema, const std::vector<LockRequest>& locks) {
  std::vector<std::uint32_t> tables;
  for (const auto& lock : locks)
    if (std::find(tables.begin(), tables.end(), lock.resource.table) == tables.end())
      tables.push_back(lock.resource.table);
  out.varint(tables.size());
  for (const auto number : tables) {
    out.bytes(schema.table(number).name);
    const auto is_of = [&](const LockRequest& lock) { return lock.resource.table == number; };
    out.varint(static_cast<std::uint64_t>(std::count_if(locks.begin(), locks.end(), is_of)));
    for (const auto& lock : locks) {
      if (!is_of(lock)) continue;
      const auto scope = scope_of(lock.resource);
      out.u8(static_cast<std::uint8_t>(scope));
      out.u8(static_cast<std::uint8_t>(lock.mode));
      if (scope == Scope::kIndex)
        out.bytes(schema.table(number).unique[lock.resource.index - 1].name);
      if (scope != Scope::kTable) out.bytes(lock.resource.key);
    }
  }
}

std::vector<LockRequest> get_locks(ByteReader& in, const Schema& schema, bool schema_changed) {
  std::vector<LockRequest> out;
  const std::size_t tables = in.count(2);
  for (std::size_t t = 0; t < tables && in.ok(); ++t) {
    const auto* table = schema.find(std::string(in.bytes()));
    const std::size_t locks = in.count(2);
    for (std::size_t i = 0; i < locks && in.ok(); ++i) {
      const auto scope_byte = in.u8(), mode_byte = in.u8();
      if (scope_byte > static_cast<std::uint8_t>(Scope::kIndex) || mode_byte >= kLockModes) {
        in.fail_here();
        break;
      }
      const auto scope = static_cast<Scope>(scope_byte);
      const auto name = scope == Scope::kIndex ? in.bytes() : std::string_view();
      std::string key(scope == Scope::kTable ? std::string_view() : in.bytes());
      if (!in.ok() || table == nullptr) continue;
      const auto mode = static_cast<LockMode>(mode_byte);
      const auto index = find_index(*table, scope, name);
      if (!index || (schema_changed && scope != Scope::kTable)) {
        out.push_back({{table->number, Resource::kWholeTable, {}}, mode});
      } else {
        out.push_back({{table->number, *index, std::move(key)}, mode});
      }
    }
  }
  return out;
}

}  // namespace troth::participant::sqlite
