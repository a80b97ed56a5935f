#pragma once
// What both daemons do the same way with their command line and settings: --help, --version,
// --check-config, and SIGHUP.

#include <optional>
#include <string>

#include "os/logging.h"
#include "os/options_parser.h"

namespace troth {

struct DaemonStart {
  std::optional<int> exit;  ///< set: all is done, leave with it
  std::string command;      ///< "", "init", "adopt", "dismiss" or "confirm"
  std::string data_dir;     ///< never empty
  SettingValues values;
  bool check_config = false;  ///< the settings are good: judge what they name and leave
};

/// Prints the answer to --help and --version. kInvalidArgument otherwise names the wrong flag.
Result<DaemonStart> start_daemon(int argc, char** argv, const std::string& program,
                                 const std::string& help, const SettingTable& table);

/// For --check-config: the files that the settings name are there. kInvalidArgument or kNotFound
/// names setting and file.
Status check_files(const SettingValues& values);

/// `name` may be given at every start; it must be that of the log. kInvalidArgument otherwise.
Status check_name(const SettingValues& values, const std::string& of_log);

/// Loads the settings again and tells the log, setting by setting, what is taken over and what
/// needs a restart. kInvalidArgument: nothing is taken over. The result holds the values in force.
class Reloader {
 public:
  Reloader(int argc, char** argv, SettingValues in_force, Logger logger)
      : argc_(argc), argv_(argv), in_force_(std::move(in_force)), logger_(std::move(logger)) {}
  Result<SettingValues> reload();

 private:
  int argc_;
  char** argv_;
  SettingValues in_force_;
  Logger logger_;
};

}  // namespace troth
