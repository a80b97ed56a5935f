#include "base/options_parser.h"

#include <fmt/format.h>

#include <fstream>

namespace troth {

namespace po = boost::program_options;

namespace {

// Boost names no line for an unknown key: look at each line first.
Status check_keys(const std::string& path, const po::options_description& settings) {
  std::ifstream in(path);
  if (!in)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot read configuration file {}", path));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == '#' || line[start] == '[') continue;
    const auto equals = line.find('=');
    if (equals == std::string::npos)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}:{}: expected `key = value`", path, number));
    const auto end = line.find_last_not_of(" \t", equals - 1);
    const auto key = line.substr(start, end - start + 1);
    if (settings.find_nothrow(key, false) == nullptr)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}:{}: unknown setting \"{}\"", path, number, key));
  }
  return {};
}

}  // namespace

Result<ParsedOptions> parse_daemon_options(int argc, char** argv,
                                           const po::options_description& settings) {
  ParsedOptions parsed;
  po::options_description all;
  all.add(settings).add_options()("help,h", "")("version", "")(
      "config", po::value<std::string>(), "")("command",
                                              po::value<std::string>()->default_value(""), "");
  po::positional_options_description positional;
  positional.add("command", 1);
  try {
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).run(),
              parsed.values);
    if (parsed.values.count("config") != 0) {
      const auto path = parsed.values["config"].as<std::string>();
      TROTH_TRY(check_keys(path, settings));
      po::store(po::parse_config_file(path.c_str(), settings), parsed.values);
    }
    po::notify(parsed.values);
  } catch (const po::error& error) {
    return fail(ErrorCode::kInvalidArgument, error.what());
  }
  parsed.command = parsed.values["command"].as<std::string>();
  parsed.help = parsed.values.count("help") != 0;
  parsed.version = parsed.values.count("version") != 0;
  if (!parsed.command.empty() && parsed.command != "init" && parsed.command != "adopt")
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("unknown command \"{}\"; commands are init and adopt (none = run)",
                            parsed.command));
  return parsed;
}

}  // namespace troth
