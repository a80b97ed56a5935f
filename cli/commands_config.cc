// The settings of the daemons, and shell completion.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/version.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "os/daemon_settings.h"

namespace troth::cli {

using nlohmann::ordered_json;

namespace {

struct ConfigWords {
  std::string verb, role = "coordinator", file;
  bool origin = false;
};

Result<ConfigWords> parse_config(const Words& words) {
  ConfigWords out;
  if (const char* file = std::getenv("TROTH_CONFIG")) out.file = file;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--origin") {
      out.origin = true;
    } else if ((words[i] == "--role" || words[i] == "--config") && i + 1 < words.size()) {
      auto& value = words[i] == "--role" ? out.role : out.file;
      value = words[++i];
    } else if (out.verb.empty()) {
      out.verb = words[i];
    } else {
      return fail(ErrorCode::kInvalidArgument, fmt::format("unknown word {}", words[i]));
    }
  }
  if (settings_of(out.role) == nullptr)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("role \"{}\" is neither coordinator nor participant", out.role));
  return out;
}

int show(const Arguments& arguments, const ConfigWords& asked, const SettingValues& values) {
  const auto& table = *settings_of(asked.role);
  ordered_json rows = ordered_json::array();
  TablePrinter printed(asked.origin ? std::vector<std::string>{"SETTING", "VALUE", "ORIGIN"}
                                    : std::vector<std::string>{"SETTING", "VALUE"});
  for (const auto& setting : table) {
    auto all = values.all(setting.name);
    if (all.empty()) all.push_back({"", "not set"});
    for (const auto& value : all) {
      const auto shown = value.text.empty() ? "-" : value.text;
      printed.add(asked.origin ? std::vector<std::string>{setting.name, shown, value.origin}
                               : std::vector<std::string>{setting.name, shown});
      rows.push_back({{"setting", setting.name}, {"value", value.text}, {"origin", value.origin}});
    }
  }
  print_list(arguments, {{"schema", "troth.config/1"}, {"role", asked.role}, {"settings", rows}},
             "settings", "troth.config.setting/1", printed, "no settings");
  return kOk;
}

constexpr const char* kBash = R"sh(# bash completion of troth
_troth() {
  local words="@COMMANDS@" verbs=""
  case ${COMP_WORDS[1]} in
@VERBS@  esac
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  elif [ "${COMP_WORDS[COMP_CWORD-1]}" = -o ] || [ "${COMP_WORDS[COMP_CWORD-1]}" = --output ]; then
    COMPREPLY=($(compgen -W "table json jsonl plain csv" -- "${COMP_WORDS[COMP_CWORD]}"))
  elif [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "$verbs" -- "${COMP_WORDS[COMP_CWORD]}"))
  else COMPREPLY=($(compgen -W "@FLAGS@" -- "${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -o default -F _troth troth
)sh";

constexpr const char* kZsh = R"sh(#compdef troth
# zsh completion of troth
_troth() {
  local -a verbs
  if (( CURRENT == 2 )); then compadd @COMMANDS@; return; fi
  case ${words[CURRENT-1]} in -o|--output) compadd table json jsonl plain csv; return;; esac
  case ${words[2]} in
@VERBS@  esac
  if (( CURRENT == 3 )) && (( ${#verbs} )); then compadd -a verbs; else compadd -- @FLAGS@; _files; fi
}
compdef _troth troth
)sh";

constexpr const char* kFlags =
    "--endpoint --output --timeout --no-headers --no-color --quiet --operator --tls-dir --help";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

struct Verbs {
  const char* command;
  const char* words;
};
constexpr Verbs kVerbs[] = {{"txn", "list show watch retry resolve forget begin commit rollback"},
                            {"participant", "list show locks drain resume orphans lost"},
                            {"peer", "forget"},
                            {"log", "dump verify stats"},
                            {"config", "show check example"},
                            {"cert", "init node client renew revoke show"},
                            {"completion", "bash zsh fish"},
                            {"help",
                             "submit outcome status doctor txn participant peer sql shell query "
                             "audit log bench demo config cert "
                             "completion examples exit-codes states formats"}};

std::string script_for(const std::string& shell) {
  std::string commands, verbs;
  for (const auto& name : command_names()) commands += (commands.empty() ? "" : " ") + name;
  if (shell == "fish") {
    std::string out = fmt::format(
        "# fish completion of troth\ncomplete -c troth -n "
        "__fish_use_subcommand -f -a '{}'\n",
        commands);
    for (const auto& [command, words] : kVerbs)
      out += fmt::format("complete -c troth -n '__fish_seen_subcommand_from {}' -f -a '{}'\n",
                         command, words);
    out +=
        "complete -c troth -s o -l output -x -a 'table json jsonl plain csv'\n"
        "complete -c troth -s e -l endpoint -x\ncomplete -c troth -l timeout -x\n"
        "complete -c troth -l operator -x\ncomplete -c troth -l tls-dir -r\ncomplete -c troth -l "
        "no-headers\n"
        "complete -c troth -l no-color\ncomplete -c troth -s q -l quiet\n"
        "complete -c troth -s h -l help\n";
    return out;
  }
  for (const auto& [command, words] : kVerbs)
    verbs += shell == "bash" ? fmt::format("    {}) verbs=\"{}\" ;;\n", command, words)
                             : fmt::format("    {}) verbs=({}) ;;\n", command, words);
  const auto text = shell == "bash" ? kBash : kZsh;
  return replaced(replaced(replaced(text, "@COMMANDS@", commands), "@VERBS@", verbs), "@FLAGS@",
                  kFlags);
}

}  // namespace

int config(const Arguments& arguments, const Words& words) {
  const auto asked = parse_config(words);
  if (!asked) return report(arguments, asked.error());
  const auto& table = *settings_of(asked->role);
  if (asked->verb == "example") {
    std::printf("%s", example_file(table, "troth-" + asked->role).c_str());
    return kOk;
  }
  if (asked->verb != "show" && asked->verb != "check")
    return report(arguments, "config needs show, check or example",
                  "troth config show --origin --role coordinator --config FILE", kUsage);
  const auto values =
      load_settings(table, SettingValues(table), process_environment(), asked->file);
  if (!values)
    return report(arguments, values.error().context, "troth config example --role " + asked->role,
                  kUsage);
  if (asked->verb == "show") return show(arguments, *asked, *values);
  if (arguments.output == Output::kTable) {
    std::printf("the settings are good\n");
  } else {
    print_json(arguments, "troth.config.check/1", {{"role", asked->role}, {"good", true}});
  }
  return kOk;
}

int completion(const Arguments& arguments, const Words& words) {
  if (words.size() != 1 || (words[0] != "bash" && words[0] != "zsh" && words[0] != "fish"))
    return report(arguments, "completion needs bash, zsh or fish",
                  "source <(troth completion bash)", kUsage);
  std::printf("%s", script_for(words[0]).c_str());
  return kOk;
}

int version(const Arguments& arguments) {
  if (arguments.output == Output::kTable) {
    std::printf("troth %s\n", troth::version());
  } else {
    print_json(arguments, "troth.version/1", {{"version", troth::version()}});
  }
  return kOk;
}

}  // namespace troth::cli
