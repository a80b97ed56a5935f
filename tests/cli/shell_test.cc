// What the lines of `troth shell` mean, without any daemon.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "cli/render.h"
#include "cli/shell_interpreter.h"

using namespace troth;
using namespace troth::cli;

namespace {

/// Writes down what it is asked; a statement that holds FAIL fails.
class Recorder final : public ShellPort {
 public:
  int begin() override { return say("begin", begin_code); }
  int run(const NodeName& participant, const std::string& sql) override {
    return say(fmt::format("{}: {}", participant, sql),
               sql.find("FAIL") == std::string::npos ? kOk : kFailed);
  }
  int end(bool commit) override { return say(commit ? "commit" : "rollback", kOk); }
  void abandon() override { say("abandon", kOk); }
  int tables(const NodeName& participant) override {
    return say(fmt::format("tables {}", participant), kOk);
  }
  int schema(const NodeName& participant, const std::string& table) override {
    return say(fmt::format("schema {} {}", participant, table), kOk);
  }
  int mode(const std::string& name) override { return say("mode " + name, kOk); }
  int headers(const std::string& on_or_off) override { return say("headers " + on_or_off, kOk); }
  void help() override { say("help", kOk); }
  int complain(const std::string&, const std::string&, Exit code) override {
    return say("error", code);
  }
  void remark(const std::string&) override {}

  std::vector<std::string> said;
  int begin_code = kOk;

 private:
  int say(std::string what, int code) {
    said.push_back(std::move(what));
    return code;
  }
};

struct Heard {
  std::vector<std::string> said;
  int code = kOk;
};

Heard heard(const std::vector<std::string>& lines, bool script, int begin_code = kOk) {
  Recorder recorder;
  recorder.begin_code = begin_code;
  ShellInterpreter shell(recorder, script);
  for (const auto& line : lines) {
    if (shell.over()) break;
    shell.take(line);
  }
  shell.finish();
  return {recorder.said, shell.code()};
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a statement that fails ends its transaction, whatever follows is ignored") {
  const Texts typed{"begin", "p1: A;", "p2: FAIL;", "p2: B;", "commit", "p1: C;"};
  const auto person = heard(typed, false);
  CHECK(person.said == Texts{"begin", "p1: A", "p2: FAIL", "abandon", "error", "error", "p1: C"});
  CHECK(person.code == kUsage);
  const auto script = heard(typed, true);
  CHECK(script.said == Texts{"begin", "p1: A", "p2: FAIL", "abandon"});
  CHECK(script.code == kFailed);
}

TEST_CASE("rollback ends a failed transaction without an error, and nothing runs beside one") {
  const auto rolled_back = heard({"begin", "p1: FAIL;", "rollback", "p1: A;"}, false);
  CHECK(rolled_back.said == Texts{"begin", "p1: FAIL", "abandon", "p1: A"});
  const auto refused = heard({"begin", "p1: A;", "rollback", "p1: B;"}, false, kRefused);
  CHECK(refused.said == Texts{"begin", "error", "p1: B"});
  const auto nowhere = heard({"begin", "A;", "p1: B;", "commit"}, false);
  CHECK(nowhere.said == Texts{"begin", "error", "abandon", "error", "error"});
}

TEST_CASE("verbs are understood in any case, with a semicolon and on one line with others") {
  const auto one = heard({"BEGIN;", "p1: A; p2: B;", "COMMIT;"}, true);
  CHECK(one.said == Texts{"begin", "p1: A", "p2: B", "commit"});
  CHECK(heard({".on p1", "Begin Transaction; A; END"}, true).said ==
        Texts{"begin", "p1: A", "error", "abandon"});
  CHECK(heard({".on p1", "Begin  Transaction; A; END;"}, true).said ==
        Texts{"begin", "p1: A", "commit"});
  CHECK(heard({"help", "HELP;", "quit", "p1: A;"}, true).said == Texts{"help", "help"});
  CHECK(heard({"exit;", "p1: A;"}, true).said.empty());
  CHECK(heard({"rollback to x;", "p1: A;"}, true).said == Texts{"error"});
}

TEST_CASE("a statement ends at a semicolon that is not in a text, a comment or a trigger") {
  const Texts lines{".on p1",
                    "-- a comment; of a line of its own",
                    "INSERT INTO t VALUES('a;b',",
                    "  'c'); SELECT 1; -- the rest",
                    "CREATE TRIGGER x AFTER INSERT ON t BEGIN",
                    "  DELETE FROM u;",
                    "END;"};
  CHECK(heard(lines, true).said ==
        Texts{"p1: INSERT INTO t VALUES('a;b',\n'c')", "p1: SELECT 1",
              "p1: CREATE TRIGGER x AFTER INSERT ON t BEGIN\nDELETE FROM u;\nEND"});
  CHECK(heard({"p1: SELECT 1"}, true).said == Texts{"error"});
}

TEST_CASE("leaving rolls back what is open; dot commands") {
  const auto person = heard({"begin", "p1: A;"}, false);
  CHECK(person.said == Texts{"begin", "p1: A", "abandon"});
  CHECK(person.code == kOk);
  const auto cut_off = heard({"begin", "p1: A;"}, true);
  CHECK(cut_off.said == Texts{"begin", "p1: A", "abandon", "error"});
  CHECK(cut_off.code == kFailed);
  CHECK(heard({"begin", "p1: A;", "exit"}, true).code == kOk);
  CHECK(heard({"begin", "begin"}, true).said == Texts{"begin", "error", "abandon"});
  CHECK(heard({".on p1", ".tables", ".schema t", ".mode csv", ".headers off"}, true).said ==
        Texts{"tables p1", "schema p1 t", "mode csv", "headers off"});
  for (const char* line : {".tables", ".on A B", ".nonsense"})
    CHECK(heard({line, "p1: A;"}, true).said == Texts{"error"});
}

TEST_CASE("the prompt says where one is") {
  Recorder recorder;
  ShellInterpreter shell(recorder, false);
  CHECK(shell.prompt() == "troth> ");
  shell.take(".on p1");
  shell.take("begin");
  CHECK(shell.prompt() == "p1*> ");
  shell.take("SELECT");
  CHECK(shell.prompt() == "p1... ");
  shell.take("FAIL;");
  CHECK(shell.prompt() == "p1!> ");
}

TEST_CASE("CSV quotes what it must, and tells NULL from an empty text") {
  const StatementResult result{{"a", "b,c"},
                               {{Value(), std::string()},
                                {std::string("x\"y\nz"), std::int64_t{5}},
                                {std::string("\x1b[2J"), 1.5}},
                               0};
  CHECK(csv_text(result, true, false) == "a,\"b,c\"\n,\"\"\n\"x\"\"y\nz\",5\n\x1b[2J,1.5\n");
  CHECK(csv_text(result, false, true).find('\x1b') == std::string::npos);
}
