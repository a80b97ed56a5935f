#pragma once
// SQL texts of branches, for people. Nearly every branch executes what others executed before it:
// they share one list.

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/statement.h"

namespace troth::participant {

/// Owned by an engine and touched by its thread alone. Lists may outlive it.
class SqlTexts {
 public:
  using List = std::shared_ptr<const std::vector<std::string>>;

  /// The texts of `before` (nullptr: none) and those of `statements`: the first hundred of them.
  List add(const List& before, const std::vector<Statement>& statements) {
    if (statements.empty()) return before;
    if (before) return joined(*before, statements);
    const auto hash = std::hash<std::string_view>{}(statements.front().sql);
    auto& known = recent_[hash % recent_.size()];
    if (known && is_list_of(*known, statements)) return known;
    auto list = joined({}, statements);
    if (is_small(*list)) known = list;
    return list;
  }

 private:
  static constexpr std::size_t kShown = 100;

  static bool is_list_of(const std::vector<std::string>& list,
                         const std::vector<Statement>& statements) {
    return std::equal(
        list.begin(), list.end(), statements.begin(), statements.end(),
        [](const auto& text, const auto& statement) { return text == statement.sql; });
  }
  /// Texts that are kept for the next branch stay for ever.
  static bool is_small(const std::vector<std::string>& list) {
    constexpr std::size_t kBytes = 4096;
    std::size_t bytes = 0;
    for (const auto& text : list) bytes += sizeof(std::string) + text.size();
    return bytes <= kBytes;
  }
  static List joined(const std::vector<std::string>& before,
                     const std::vector<Statement>& statements) {
    auto list = std::make_shared<std::vector<std::string>>(before);
    for (const auto& statement : statements)
      if (list->size() < kShown) list->push_back(statement.sql);
    return list;
  }

  std::array<List, 64> recent_;
};

}  // namespace troth::participant
