// What a statement touches through foreign key actions.
#include <algorithm>
#include <set>

#include "participant/sqlite/statement_analysis.h"

namespace troth::participant::sqlite {

// Foreign keys are off here, so their actions are not in the bytecode. The rows they change are
// captured and locked; the rest is what triggers of those rows read.
void StatementAnalyzer::add_cascades(StatementInfo& info) {
  std::set<std::uint32_t> done;
  for (bool grown = true; grown;) {
    grown = false;
    for (std::uint32_t number = 0; number < schema_.size(); ++number) {
      const auto& child = schema_.table(number);
      const bool reached = std::any_of(
          child.foreign_keys.begin(), child.foreign_keys.end(), [&](const ForeignKey& key) {
            const auto* parent = schema_.find(key.parent);
            if (!key.has_action || parent == nullptr) return false;
            const auto mode = info.tables.find(parent->number);
            return done.count(parent->number) != 0 ||
                   (mode != info.tables.end() && mode->second != LockMode::kIS &&
                    mode->second != LockMode::kS);
          });
      if (!reached || !done.insert(number).second) continue;
      grown = true;
      if (child.has_triggers) add_triggers_of(child, info);
    }
  }
}

void StatementAnalyzer::add_triggers_of(const TableInfo& child, StatementInfo& info) {
  std::vector<std::string> actions = {"DELETE FROM " + quoted(child.name)};
  for (const auto& key : child.foreign_keys)
    for (const int column : key.columns) {
      const auto name = quoted(child.columns[static_cast<std::size_t>(column)].name);
      actions.push_back("UPDATE " + quoted(child.name) + " SET " + name + "=" + name);
    }
  for (const auto& sql : actions) {
    const auto action = analyze_alone(sql);
    // A trigger that SQLite cannot compile: it fails with the statement if the action runs it.
    if (action.refusal.code == AbortCode::kSqlError) continue;
    if (info.refusal.code == AbortCode::kNone) info.refusal = action.refusal;
    const auto need = [&](std::uint32_t table, LockMode mode) {
      const auto [entry, is_new] = info.tables.emplace(table, mode);
      if (!is_new) entry->second = combined(entry->second, mode);
    };
    for (const auto& [table, mode] : action.tables) need(table, mode);
    info.rehearsed |= action.rehearsed;
    info.reads_virtual |= action.reads_virtual;
    info.writes_virtual |= action.writes_virtual;
    for (const auto& point : action.points) need(point.table, LockMode::kS);
    info.allocates_ids.insert(info.allocates_ids.end(), action.allocates_ids.begin(),
                              action.allocates_ids.end());
  }
}

}  // namespace troth::participant::sqlite
