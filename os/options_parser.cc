#include "os/options_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <sstream>

namespace troth {

namespace po = boost::program_options;

namespace {

po::options_description describe(const SettingTable& table) {
  po::options_description out(
      "Settings (also TROTH_ variables, and `name = value` lines of --config FILE)");
  for (const auto& setting : table) {
    std::string doc = setting.doc;
    if (*setting.default_value != '\0') doc += fmt::format(" [{}]", setting.default_value);
    if (setting.kind == SettingKind::kPeers) {
      out.add_options()(setting.name, po::value<std::vector<std::string>>()->composing(),
                        doc.c_str());
    } else {
      out.add_options()(setting.name, po::value<std::string>(), doc.c_str());
    }
  }
  return out;
}

std::string config_from_environment() {
  const char* path = std::getenv("TROTH_CONFIG");
  return path == nullptr ? "" : path;
}

}  // namespace

Result<DaemonCommand> parse_daemon_command(int argc, char** argv, const SettingTable& table) {
  DaemonCommand out{"", false, false, false, config_from_environment(), SettingValues(table)};
  po::options_description all;
  all.add(describe(table))
      .add_options()("help,h", "")("version", "")("check-config", "")(
          "config", po::value<std::string>(), "")("command", po::value<std::string>(), "");
  po::positional_options_description positional;
  positional.add("command", 1);
  po::variables_map values;
  try {
    po::store(
        po::command_line_parser(argc, argv)
            .options(all)
            .positional(positional)
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        values);
  } catch (const po::unknown_option& error) {
    auto name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    name.erase(std::min(name.size(), name.find('=')));
    const auto near = nearest_setting(table, name);
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("unknown flag --{}{}", name,
                    near.empty() ? "; see --help" : fmt::format("; did you mean --{}?", near)));
  } catch (const po::error& error) {
    return fail(ErrorCode::kInvalidArgument, error.what());
  }
  for (const auto& setting : table) {
    if (values.count(setting.name) == 0) continue;
    std::vector<SettingValue> texts;
    const std::string origin = fmt::format("flag --{}", setting.name);
    if (setting.kind == SettingKind::kPeers) {
      for (const auto& text : values[setting.name].as<std::vector<std::string>>())
        texts.push_back({text, origin});
    } else {
      texts.push_back({values[setting.name].as<std::string>(), origin});
    }
    out.flags.set(setting.name, std::move(texts));
  }
  if (values.count("config") != 0) out.config = values["config"].as<std::string>();
  if (values.count("command") != 0) out.command = values["command"].as<std::string>();
  out.help = values.count("help") != 0;
  out.version = values.count("version") != 0;
  out.check_config = values.count("check-config") != 0;
  constexpr std::array<std::string_view, 5> kCommands{"", "init", "adopt", "dismiss", "confirm"};
  constexpr std::array<std::string_view, 2> kOfDatabase{"repair", "detach"};
  const auto is_one_of = [&](const auto& names) {
    return std::find(names.begin(), names.end(), out.command) != names.end();
  };
  const bool has_database = find_setting(table, "database") != nullptr;
  if (!is_one_of(kCommands) && !(has_database && is_one_of(kOfDatabase)))
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("unknown command \"{}\"; commands are init, adopt, dismiss{} (none = "
                    "run)",
                    out.command, has_database ? ", confirm, repair and detach" : " and confirm"));
  return out;
}

std::string settings_help(const SettingTable& table) {
  std::ostringstream out;
  out << describe(table);
  return out.str();
}

}  // namespace troth
