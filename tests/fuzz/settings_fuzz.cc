// Flags, configuration files, the words of the command line and the text forms of our types: any
// text is taken or refused with a reason, and what was taken prints back to itself.
#include <sys/mman.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/ids.h"
#include "base/settings.h"
#include "json/transaction_input.h"
#include "os/daemon_settings.h"
#include "os/options_parser.h"
#include "tests/fuzz/fuzz.h"

using namespace troth;
using fuzz::require;

namespace {

template <class T>
void named(const Result<T>& result) {
  if (!result) require(!result.error().context.empty(), "a refusal says why");
}

void values(std::string_view text) {
  const auto duration = parse_duration(text);
  named(duration);
  if (duration) {
    require(duration->count() >= 0, "no duration is negative");
    const auto again = parse_duration(duration_text(*duration));
    require(duration->count() % 1000 != 0 || (again.has_value() && *again == *duration),
            "a duration's text means the duration");
  }
  named(parse_size(text));
  named(parse_host_port(text));
  named(parse_assignment(text));
  named(http::parse_value(std::string(text)));
  named(http::parse_expectation(std::string(text)));
  if (const auto name = NodeName::parse(text)) require(name->text() == text, "a name is its text");
  if (const auto gtid = Gtid::parse(text))
    require(Gtid::parse(gtid->text()).value() == *gtid, "a gtid's text means the gtid");
}

std::optional<std::string> none(const std::string&) {
  return std::nullopt;
}

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_(::memfd_create("settings", 0)) {
    require(fd_ >= 0 && ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
            "a file in memory is written");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == at) {
      out.emplace_back();
    } else {
      out.back().push_back(c);
    }
  }
  return out;
}

// What was loaded can be asked for, and written as a file it loads as the same.
void loaded(const SettingValues& values) {
  std::string file;
  for (const auto& setting : values.table()) {
    for (const auto& value : values.all(setting.name)) {
      if (value.text.find_first_of("\"\n") != std::string::npos) return;
      file += std::string(setting.name) + " = \"" + value.text + "\"\n";
    }
    if (!values.has(setting.name)) continue;
    if (setting.kind == SettingKind::kDuration) values.duration(setting.name);
    if (setting.kind == SettingKind::kSize) values.size(setting.name);
    if (setting.kind == SettingKind::kCount) values.count(setting.name);
  }
  const MemoryFile written(file);
  const auto again =
      load_settings(values.table(), SettingValues(values.table()), none, written.path());
  require(again.has_value(), "settings that were taken can be written as a file");
  for (const auto& setting : values.table()) {
    const auto before = values.all(setting.name), after = again->all(setting.name);
    require(std::equal(before.begin(), before.end(), after.begin(), after.end(),
                       [](const auto& a, const auto& b) { return a.text == b.text; }),
            "and are then the same");
  }
}

void daemon_settings(const SettingTable& table, std::string_view text) {
  auto words = split(text, '\n');
  const auto first_line = words.front();
  words.insert(words.begin(), "troth-daemon");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  const auto parsed = parse_daemon_command(static_cast<int>(argv.size()), argv.data(), table);
  named(parsed);
  if (parsed) {
    const auto values = load_settings(table, parsed->flags, none, "");
    named(values);
    if (values) loaded(*values);
  }
  const MemoryFile file(text);
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    return name == "TROTH_PARTICIPANT" || name == "TROTH_COORDINATOR" ? std::optional(first_line)
                                                                      : std::nullopt;
  };
  for (const Environment& variables : {Environment(none), Environment(environment)}) {
    const auto values = load_settings(table, SettingValues(table), variables, file.path());
    named(values);
    if (values) loaded(*values);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const auto lines = split(text, '\n');
  for (const auto& line : lines) values(line);
  named(cli::parse_arguments(lines, [](const char*) -> const char* { return nullptr; }));
  daemon_settings(coordinator_settings(), text);
  daemon_settings(participant_settings(), text);
  return 0;
}
