#pragma once
// How the shell reads its lines: verbs, participant prefixes, and where a statement ends.

#include <optional>
#include <string>

namespace troth::cli {

/// Without blanks at both ends.
std::string trimmed(const std::string& text);

/// Takes the first complete statement out of `pending` and returns it without its semicolon.
/// Nothing, and `pending` unchanged, while none is complete. Semicolons inside strings, comments
/// and trigger bodies end no statement.
std::optional<std::string> take_statement(std::string& pending);

enum class Verb { kBegin, kCommit, kRollback, kHelp, kQuit };
/// BEGIN [TRANSACTION], COMMIT, END, ROLLBACK, help, quit, exit; in any case, with or without a
/// semicolon.
std::optional<Verb> verb_of(const std::string& line);

struct Addressed {
  std::string participant;  ///< empty: the statement names none
  std::string sql;
};
/// "stock: UPDATE ..." names the participant stock.
Addressed addressed(const std::string& statement);

}  // namespace troth::cli
