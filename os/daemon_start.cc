#include "os/daemon_start.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "base/version.h"

namespace troth {

namespace {

std::string joined(const std::vector<SettingValue>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ",") + value.text;
  return out;
}

}  // namespace

Result<DaemonStart> start_daemon(int argc, char** argv, const std::string& program,
                                 const std::string& help, const SettingTable& table) {
  TROTH_ASSIGN_OR_RETURN(const auto parsed, parse_daemon_command(argc, argv, table));
  DaemonStart out{{}, parsed.command, "", SettingValues(table)};
  if (parsed.help || parsed.version) {
    const auto text = parsed.help ? help + "\n" + settings_help(table)
                                  : fmt::format("{} {}\n", program, version());
    std::fputs(text.c_str(), stdout);
    out.exit = 0;
    return out;
  }
  TROTH_ASSIGN_OR_RETURN(out.values,
                         load_settings(table, parsed.flags, process_environment(), parsed.config));
  out.data_dir = out.values.text("data-dir");
  if (out.data_dir.empty())
    return fail(ErrorCode::kInvalidArgument, "--data-dir is missing; see --help");
  out.check_config = parsed.check_config;
  return out;
}

Status check_name(const SettingValues& values, const std::string& of_log) {
  if (!values.has("name") || values.text("name").empty() || values.text("name") == of_log)
    return {};
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{}: name {} contradicts the log, which belongs to {}; correct data-dir or "
                  "name",
                  values.all("name").front().origin, values.text("name"), of_log));
}

Status check_files(const SettingValues& values) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (const char* setting : {"database", "http-token-file"}) {
    const auto path = values.has(setting) ? values.text(setting) : "";
    if (!path.empty() && !fs::is_regular_file(path, error))
      return fail(ErrorCode::kNotFound,
                  fmt::format("{}: {} {} is not a file that can be found",
                              values.all(setting).front().origin, setting, path));
  }
  const auto spans = values.has("trace-file") ? values.text("trace-file") : "";
  const auto folder = fs::absolute(spans, error).parent_path();
  if (!spans.empty() && !fs::is_directory(folder, error))
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: trace-file {} is in no directory that can be found",
                            values.all("trace-file").front().origin, spans));
  return {};
}

Result<SettingValues> Reloader::reload() {
  const auto& table = in_force_.table();
  TROTH_ASSIGN_OR_RETURN(const auto parsed, parse_daemon_command(argc_, argv_, table));
  TROTH_ASSIGN_OR_RETURN(const auto wanted,
                         load_settings(table, parsed.flags, process_environment(), parsed.config));
  for (const auto& setting : table) {
    const auto before = joined(in_force_.all(setting.name));
    const auto after = joined(wanted.all(setting.name));
    if (before == after) continue;
    if (!setting.reloads) {
      logger_.warn("setting needs a restart", {{"setting", setting.name}, {"value", after}});
      continue;
    }
    logger_.info("setting reloaded",
                 {{"setting", setting.name}, {"before", before}, {"value", after}});
    in_force_.set(setting.name, wanted.all(setting.name));
  }
  return in_force_;
}

}  // namespace troth
