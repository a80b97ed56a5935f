#include "protocol/reads_only.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace troth::protocol {

namespace {

/// Without white space and comments in front.
std::string_view without_lead(std::string_view sql) {
  while (!sql.empty()) {
    if (std::isspace(static_cast<unsigned char>(sql.front())) != 0) {
      sql.remove_prefix(1);
      continue;
    }
    std::string_view end;
    if (sql.substr(0, 2) == "--") end = "\n";
    if (sql.substr(0, 2) == "/*") end = "*/";
    if (end.empty()) return sql;
    const auto at = sql.find(end, 2);
    if (at == std::string_view::npos) return {};
    sql.remove_prefix(at + end.size());
  }
  return sql;
}

std::string first_word(const Statement& statement) {
  const auto sql = without_lead(statement.sql);
  const auto end = std::find_if(sql.begin(), sql.end(), [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) == 0;
  });
  std::string word(sql.begin(), end);
  for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

bool only_reads(const Statement& statement) {
  const auto word = first_word(statement);
  return word == "SELECT" || word == "VALUES";
}

Reach reach_of(const Statement& statement) {
  if (only_reads(statement)) return Reach::kRead;
  const auto word = first_word(statement);
  const bool rows = word == "INSERT" || word == "UPDATE" || word == "DELETE" || word == "REPLACE" ||
                    word == "WITH";
  return rows ? Reach::kWrite : Reach::kDdl;
}

}  // namespace

bool read_only(const std::vector<Statement>& statements) {
  return std::all_of(statements.begin(), statements.end(), only_reads);
}

Reach reach_of(const std::vector<Statement>& statements) {
  auto most = Reach::kRead;
  for (const auto& statement : statements) most = std::max(most, reach_of(statement));
  return most;
}

}  // namespace troth::protocol
