#include "cli/shell_interpreter.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::cli {

void ShellInterpreter::note(int code) {
  worst_ = std::max(worst_, code);
  if (code != kOk && stop_at_error_) over_ = true;
}

void ShellInterpreter::fail_with(const std::string& what, const std::string& hint, Exit code) {
  note(port_.complain(what, hint, code));
}

void ShellInterpreter::take(const std::string& raw) {
  const auto line = trimmed(raw);
  if (line.empty()) return;
  if (pending_.empty()) {
    if (line.rfind("--", 0) == 0) return;
    if (line.front() == '.') return command(line);
    if (const auto verb = verb_of(line)) return act(*verb);
  }
  pending_ += (pending_.empty() ? "" : "\n") + line;
  while (!over_) {
    const auto text = take_statement(pending_);
    if (!text) break;
    if (const auto verb = verb_of(*text)) {
      act(*verb);
    } else if (!text->empty()) {
      statement(*text);
    }
  }
  pending_ = trimmed(pending_);
  if (pending_.rfind("--", 0) == 0 && pending_.find('\n') == std::string::npos) pending_.clear();
}

void ShellInterpreter::act(Verb verb) {
  switch (verb) {
    case Verb::kBegin:
      return begin();
    case Verb::kCommit:
      return end(true);
    case Verb::kRollback:
      return end(false);
    case Verb::kHelp:
      return port_.help();
    case Verb::kQuit:
      over_ = true;
  }
}

void ShellInterpreter::begin() {
  if (transaction_ != Transaction::kNone)
    return fail_with("a transaction is open", "commit, or rollback");
  const int code = port_.begin();
  // Statements that were meant for a transaction must not commit one by one.
  transaction_ = code == kOk ? Transaction::kOpen : Transaction::kFailed;
  note(code);
}

void ShellInterpreter::end(bool commit) {
  const auto before = std::exchange(transaction_, Transaction::kNone);
  if (before != Transaction::kFailed) return note(port_.end(commit));
  if (!commit) return port_.remark("rolled back");
  fail_with("rolled back, nothing was changed: a statement of the transaction had failed", "",
            kFailed);
}

void ShellInterpreter::statement(const std::string& text) {
  if (transaction_ == Transaction::kFailed)
    return fail_with("ignored: a statement of this transaction failed, and it was rolled back",
                     "commit, or rollback, ends it");
  const auto to = addressed(text);
  const auto name = NodeName::parse(to.participant.empty() ? participant_ : to.participant);
  const int code = name ? port_.run(*name, to.sql)
                        : port_.complain("which participant?", ".on NAME, or NAME: SQL;", kUsage);
  if (code != kOk && transaction_ == Transaction::kOpen) {
    port_.abandon();
    transaction_ = Transaction::kFailed;
  }
  note(code);
}

bool ShellInterpreter::chosen(NodeName& name) {
  const auto parsed = NodeName::parse(participant_);
  if (!parsed) fail_with("which participant?", ".on NAME");
  if (parsed) name = *parsed;
  return parsed.has_value();
}

void ShellInterpreter::command(const std::string& line) {
  const auto blank = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, blank);
  const auto rest = trimmed(line.substr(blank));
  NodeName name;
  if (word == ".quit" || word == ".exit") {
    over_ = true;
  } else if (word == ".help") {
    port_.help();
  } else if (word == ".on" && NodeName::parse(rest)) {
    participant_ = rest;
  } else if (word == ".on") {
    fail_with(fmt::format("\"{}\" is no participant's name", rest), ".on NAME");
  } else if (word == ".tables") {
    if (chosen(name)) note(port_.tables(name));
  } else if (word == ".schema") {
    if (chosen(name)) note(port_.schema(name, rest));
  } else if (word == ".mode") {
    note(port_.mode(rest));
  } else if (word == ".headers") {
    note(port_.headers(rest));
  } else {
    fail_with(fmt::format("unknown command {}", word), ".help");
  }
}

void ShellInterpreter::finish() {
  const bool stopped = stop_at_error_ && worst_ != kOk;
  if (!pending_.empty() && !over_ && !stopped)
    fail_with("the last statement has no semicolon", ";");
  if (transaction_ != Transaction::kOpen) return;
  port_.abandon();
  if (stop_at_error_ && !over_ && worst_ == kOk)
    fail_with("the script ends inside a transaction, which is rolled back", "commit; at its end",
              kFailed);
  else
    port_.remark("the open transaction is rolled back");
  transaction_ = Transaction::kNone;
}

std::string ShellInterpreter::prompt() const {
  const char* mark = !pending_.empty()                      ? "... "
                     : transaction_ == Transaction::kOpen   ? "*> "
                     : transaction_ == Transaction::kFailed ? "!> "
                                                            : "> ";
  return (participant_.empty() ? "troth" : participant_) + mark;
}

}  // namespace troth::cli
