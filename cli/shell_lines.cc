#include "cli/shell_lines.h"

#include <algorithm>
#include <map>

#include "cli/merge.h"

namespace troth::cli {

namespace {

constexpr const char* kBlanks = " \t\r\n";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(kBlanks);
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

std::optional<std::string> take_statement(std::string& pending) {
  for (auto at = pending.find(';'); at != std::string::npos; at = pending.find(';', at + 1)) {
    const auto statement = pending.substr(0, at + 1);
    if (!is_complete_statement(statement)) continue;
    pending.erase(0, at + 1);
    return trimmed(statement.substr(0, at));
  }
  return std::nullopt;
}

std::optional<Verb> verb_of(const std::string& line) {
  static const std::map<std::string, Verb> verbs = {{"begin", Verb::kBegin},
                                                    {"begin transaction", Verb::kBegin},
                                                    {"start transaction", Verb::kBegin},
                                                    {"commit", Verb::kCommit},
                                                    {"commit transaction", Verb::kCommit},
                                                    {"end", Verb::kCommit},
                                                    {"end transaction", Verb::kCommit},
                                                    {"rollback", Verb::kRollback},
                                                    {"rollback transaction", Verb::kRollback},
                                                    {"help", Verb::kHelp},
                                                    {"quit", Verb::kQuit},
                                                    {"exit", Verb::kQuit}};
  auto words = lower(trimmed(line));
  while (!words.empty() && (words.back() == ';' || words.back() == ' ')) words.pop_back();
  std::string squeezed;
  for (const char c : words)
    if (c != ' ' || squeezed.back() != ' ') squeezed += c;
  const auto found = verbs.find(squeezed);
  return found == verbs.end() ? std::nullopt : std::optional(found->second);
}

Addressed addressed(const std::string& statement) {
  const auto colon = statement.find(':');
  if (colon == std::string::npos || colon == 0) return {"", statement};
  const auto name = statement.substr(0, colon);
  const bool word = name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.") == std::string::npos;
  return word ? Addressed{name, trimmed(statement.substr(colon + 1))} : Addressed{"", statement};
}

}  // namespace troth::cli
