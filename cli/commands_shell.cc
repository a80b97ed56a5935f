// `troth shell`: one line after the other from a terminal or a script. It has no readline and no
// state beyond the chosen participant and the open transaction.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/commands.h"
#include "cli/render.h"
#include "cli/sql_session.h"

namespace troth::cli {

namespace {

constexpr const char* kShellHelp =
    R"help(  begin | commit | rollback   one transaction over any number of participants
  .on NAME                    statements go to this participant
  NAME: SQL;                  one statement for another one
  SQL;                        ends with a semicolon; without begin it commits by itself
  .quit                       rolls back what is open
)help";

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r\n");
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

/// "stock: UPDATE ..." -> "stock"; empty if the line names no participant.
std::string participant_prefix(const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos || colon == 0) return {};
  const auto name = line.substr(0, colon);
  const bool word = name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.") == std::string::npos;
  return word ? name : std::string();
}

class Shell {
 public:
  explicit Shell(const Arguments& arguments)
      : arguments_(arguments), session_(arguments), person_(isatty(STDIN_FILENO) == 1) {}

  int run() {
    if (person_) show_text(kShellHelp);
    std::string line;
    while (!over_ && prompt() && std::getline(std::cin, line)) {
      take(line);
      std::fflush(stdout);
    }
    if (!pending_.empty()) fail_with("the last statement has no semicolon", ";");
    if (session_.in_transaction()) {
      if (!arguments_.quiet) std::fprintf(stderr, "the open transaction is rolled back\n");
      session_.end(false);
    }
    return worst_;
  }

 private:
  bool prompt() const {
    if (person_) {
      std::printf("%s%s ", participant_.empty() ? "troth" : participant_.c_str(),
                  !pending_.empty()           ? "..."
                  : session_.in_transaction() ? "*>"
                                              : ">");
      std::fflush(stdout);
    }
    return true;
  }

  void note(int code) { worst_ = std::max(worst_, code); }
  void fail_with(const std::string& what, const std::string& hint) {
    note(report(arguments_, what, hint, kUsage));
  }

  void take(const std::string& raw) {
    const auto line = trimmed(raw);
    if (line.empty() || (pending_.empty() && line.rfind("--", 0) == 0)) return;
    if (!pending_.empty()) {
      pending_ += "\n" + line;
    } else if (line.front() == '.') {
      return command(line);
    } else if (const auto verb = line.substr(0, line.find(';')); verb == "begin") {
      if (session_.in_transaction()) return fail_with("a transaction is open", "commit");
      return note(session_.begin({}, false));
    } else if (verb == "commit" || verb == "rollback") {
      return note(session_.end(verb == "commit"));
    } else {
      const auto name = participant_prefix(line);
      target_ = name.empty() ? participant_ : name;
      pending_ = name.empty() ? line : trimmed(line.substr(name.size() + 1));
    }
    if (!pending_.empty() && pending_.back() == ';') statement();
  }

  void command(const std::string& line) {
    if (line == ".quit" || line == ".exit") {
      over_ = true;
    } else if (line == ".help") {
      show_text(kShellHelp);
    } else if (line.rfind(".on ", 0) == 0) {
      participant_ = trimmed(line.substr(4));
    } else {
      fail_with(fmt::format("unknown command {}", line), ".help");
    }
  }

  void statement() {
    auto sql = std::exchange(pending_, {});
    sql.pop_back();
    const auto name = NodeName::parse(target_);
    if (!name) return fail_with("which participant?", ".on NAME, or NAME: SQL;");
    note(session_.run(*name, {{sql, {}, {}}}));
  }

  const Arguments& arguments_;
  SqlSession session_;
  const bool person_;
  std::string participant_, target_, pending_;
  bool over_ = false;
  int worst_ = kOk;
};

}  // namespace

int shell(const Arguments& arguments, const Words& words) {
  if (!words.empty()) return report(arguments, "shell takes no words", "troth shell", kUsage);
  Shell shell(arguments);
  return shell.run();
}

}  // namespace troth::cli
