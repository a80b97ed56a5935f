// `troth shell`: one line after the other from a terminal or a script.
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/line_input.h"
#include "cli/render.h"
#include "cli/shell_interpreter.h"
#include "cli/sql_session.h"

namespace troth::cli {

namespace {

constexpr const char* kShellHelp =
    R"help(  begin | commit | rollback   one transaction over any number of participants
  .on NAME                    statements go to this participant
  NAME: SQL;                  one statement for another one
  SQL;                        ends with a semicolon; without begin it commits by itself
  .tables  .schema [TABLE]    what the chosen participant holds
  .mode table|csv|json|jsonl|plain   .headers on|off
  help  exit                  leaving rolls back what is open
)help";

/// Longest pauses that a coordinator grants: a person thinks, and a dropped connection ends the
/// transaction anyway.
constexpr auto kThinking = std::chrono::minutes(10);
constexpr auto kLongest = std::chrono::minutes(60);

class Shell final : public ShellPort {
 public:
  explicit Shell(const Arguments& arguments) : arguments_(arguments), session_(arguments_) {}

  int run() {
    ShellInterpreter interpreter(*this, !input_.is_person());
    if (input_.is_person()) help();
    while (!interpreter.over()) {
      const auto line = input_.next(interpreter.prompt());
      if (!line) break;
      interpreter.take(*line);
      std::fflush(stdout);
    }
    interpreter.finish();
    return interpreter.code();
  }

 private:
  int begin() override {
    BeginRequest request;
    if (input_.is_person()) {
      request.idle_timeout = kThinking;
      request.deadline = kLongest;
    }
    return session_.begin(request, false);
  }
  int run(const NodeName& participant, const std::string& sql) override {
    return session_.run(participant, {{sql, {}, {}}});
  }
  int end(bool commit) override { return session_.end(commit); }
  void abandon() override { session_.abandon(); }

  int tables(const NodeName& participant) override {
    return session_.look(
        participant,
        {"SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND "
         "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'troth_applied' "
         "ORDER BY name",
         {},
         {}},
        SqlSession::Shown::kRows);
  }
  int schema(const NodeName& participant, const std::string& table) override {
    return session_.look(participant,
                         {"SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> "
                          "'troth_applied' AND (?1 = '' OR tbl_name = ?1 COLLATE NOCASE) "
                          "ORDER BY tbl_name, type DESC, name",
                          {table},
                          {}},
                         SqlSession::Shown::kTexts);
  }
  int mode(const std::string& name) override {
    const auto chosen = parse_output(name);
    if (!chosen) return complain(chosen.error().context, ".mode table", kUsage);
    arguments_.output = *chosen;
    return kOk;
  }
  int headers(const std::string& on_or_off) override {
    if (on_or_off != "on" && on_or_off != "off")
      return complain(".headers needs on or off", ".headers on", kUsage);
    arguments_.headers = on_or_off == "on";
    return kOk;
  }
  void help() override { show_text(kShellHelp); }
  int complain(const std::string& what, const std::string& hint, Exit code) override {
    return report(arguments_, what, hint, code);
  }
  void remark(const std::string& text) override {
    if (!arguments_.quiet) std::fprintf(stderr, "%s\n", text.c_str());
  }

  Arguments arguments_;  // its output changes with .mode
  SqlSession session_;
  LineInput input_;
};

}  // namespace

int shell(const Arguments& arguments, const Words& words) {
  if (!words.empty()) return report(arguments, "shell takes no words", "troth shell", kUsage);
  Shell shell(arguments);
  return shell.run();
}

}  // namespace troth::cli
