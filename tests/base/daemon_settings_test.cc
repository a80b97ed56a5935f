#include "os/daemon_settings.h"

#include <doctest/doctest.h>

#include <fstream>

#include "os/options_parser.h"
#include "tests/support/temp_dir.h"

using namespace troth;

namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_of(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

class File {
 public:
  explicit File(const std::string& text) : path_(directory_.path() + "/troth.conf") {
    std::ofstream(path_) << text;
  }
  const std::string& path() const { return path_; }

 private:
  tests::TempDir directory_;
  std::string path_;
};

SettingValues flags_of(std::vector<std::string> words,
                       const SettingTable& table = coordinator_settings()) {
  words.insert(words.begin(), "program");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  auto parsed = parse_daemon_command(static_cast<int>(argv.size()), argv.data(), table);
  REQUIRE(parsed);
  return parsed->flags;
}

std::string problem_of(const std::string& file, const SettingTable& table) {
  const File written(file);
  const auto loaded =
      load_settings(table, SettingValues(table), environment_of({}), written.path());
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == ErrorCode::kInvalidArgument);
  const auto& text = loaded.error().context;
  const auto at = text.find("troth.conf");
  return at == std::string::npos ? text : text.substr(at);
}

}  // namespace

TEST_CASE("flag over environment over file over default, and each says where it is from") {
  const File file(
      "# a remark\n\nprepare-timeout = 3s\nlog-level = \"warn\"  # loud enough\ngrace=4s\n");
  const auto flags = flags_of({"--prepare-timeout", "5s"});
  const auto environment = environment_of({{"TROTH_PREPARE_TIMEOUT", "4s"}, {"TROTH_GRACE", "6s"}});
  const auto values = load_settings(coordinator_settings(), flags, environment, file.path());
  REQUIRE(values);
  const auto origin = [&](const char* name) { return values->all(name).front().origin; };
  CHECK(values->text("prepare-timeout") == "5s");
  CHECK(origin("prepare-timeout") == "flag --prepare-timeout");
  CHECK(values->text("grace") == "6s");
  CHECK(origin("grace") == "environment TROTH_GRACE");
  CHECK(values->text("log-level") == "warn");
  CHECK(origin("log-level") == file.path() + ":4");
  CHECK(values->text("key-retention") == "24h");
  CHECK(origin("key-retention") == "default");
  CHECK(values->duration("prepare-timeout") == std::chrono::seconds(5));
  CHECK(values->count("max-in-flight") == 10000);
  CHECK(values->size("segment-bytes") == std::uint64_t{64} << 20);
  CHECK_FALSE(values->has("http"));
}

TEST_CASE("peers add up within one source and do not mix between sources") {
  const File file("participant = a=127.0.0.1:1\nparticipant = b=127.0.0.1:2\n");
  const auto& table = coordinator_settings();
  const auto from_file = load_settings(table, flags_of({}), environment_of({}), file.path());
  REQUIRE(from_file);
  CHECK(from_file->all("participant").size() == 2);
  const auto from_variable =
      load_settings(table, flags_of({}),
                    environment_of({{"TROTH_PARTICIPANT", "c=h:3, d=h:4,e=h:5"}}), file.path());
  REQUIRE(from_variable);
  CHECK(from_variable->all("participant").size() == 3);
  const auto from_flags =
      load_settings(table, flags_of({"--participant", "f=h:6", "--participant", "g=h:7"}),
                    environment_of({}), file.path());
  REQUIRE(from_flags);
  CHECK(from_flags->all("participant").size() == 2);
}

TEST_CASE("a wrong file: where, what, and what was meant") {
  struct Row {
    std::string file, sentence;
  };
  const auto& table = coordinator_settings();
  for (const Row& row :
       {Row{"# x\nprepare-timout = 3s\n",
            "troth.conf:2: unknown setting \"prepare-timout\"; did you mean prepare-timeout?"},
        Row{"frobnicate = 3s\n", "troth.conf:1: unknown setting \"frobnicate\""},
        Row{"grace 3s\n", "troth.conf:1: expected `name = value`"},
        Row{"grace = 3s\ngrace = 4s\n", "troth.conf:2: grace was set at "},
        Row{"grace = 3\n", "troth.conf:1: grace: duration \"3\" must be a number with a unit"},
        Row{"prepare-timeout = 1ms\n",
            "troth.conf:1: prepare-timeout: prepare-timeout must be at least 100ms"},
        Row{"segment-bytes = 2GiB\n",
            "troth.conf:1: segment-bytes: segment-bytes must be at most 1GiB"},
        Row{"max-in-flight = many\n", "troth.conf:1: max-in-flight: \"many\" is not a number"},
        Row{"participant = a=h:1\nparticipant = a=h:2\n",
            "troth.conf:2: participant a is named twice"},
        Row{"log-level = loud\n", "troth.conf:1: log-level: "}}) {
    const auto problem = problem_of(row.file, table);
    CHECK_MESSAGE(problem.starts_with(row.sentence), problem);
  }
  CHECK(load_settings(table, SettingValues(table), environment_of({}), "/nonexistent/x")
            .error()
            .context == "cannot read configuration file /nonexistent/x");
}

TEST_CASE("a wrong variable and a wrong flag are named") {
  const auto& table = participant_settings();
  const auto variable = load_settings(table, SettingValues(table),
                                      environment_of({{"TROTH_LOCK_TIMEOUT", "soon"}}), "");
  REQUIRE_FALSE(variable);
  CHECK(variable.error().context.starts_with("TROTH_LOCK_TIMEOUT: lock-timeout: "));
  const auto flag =
      load_settings(table, flags_of({"--lock-timeout", "soon"}, table), environment_of({}), "");
  REQUIRE_FALSE(flag);
  CHECK(flag.error().context.starts_with("--lock-timeout: lock-timeout: "));
}

TEST_CASE("an unknown flag is fatal; guessing from a prefix is off") {
  for (const auto& [word, sentence] :
       {std::pair<std::string, std::string>{"--prepare-timout=3s",
                                            "did you mean --prepare-timeout?"},
        {"--prepare=3s", "unknown flag --prepare; see --help"},
        {"--grace", "--grace"}}) {
    std::string program = "program", copy = word;
    char* argv[] = {program.data(), copy.data()};
    const auto parsed = parse_daemon_command(2, argv, coordinator_settings());
    REQUIRE_FALSE(parsed);
    CHECK_MESSAGE(parsed.error().context.find(sentence) != std::string::npos,
                  parsed.error().context);
  }
}

TEST_CASE("the example file of each daemon loads, also with every setting taken in") {
  for (const auto* table : {&coordinator_settings(), &participant_settings()}) {
    const auto text = example_file(*table, "a daemon");
    CHECK(load_settings(*table, SettingValues(*table), environment_of({}), File(text).path()));
    std::string bare;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      auto line = text.substr(at, end - at);
      if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
      bare += line + "\n";
      at = end + 1;
    }
    CHECK(load_settings(*table, SettingValues(*table), environment_of({}), File(bare).path()));
    for (const auto& setting : *table)
      if (const std::string_view name = setting.name;
          name != "name" && name != "cluster" && name != "reason" && name != "txn" && name != "how")
        CHECK_MESSAGE(bare.find(std::string("\n") + setting.name + " = ") != std::string::npos,
                      setting.name);
  }
}
