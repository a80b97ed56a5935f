#pragma once
// The command line of a daemon, over the table of settings (os/daemon_settings.h).

#include <string>

#include "os/daemon_settings.h"

namespace troth {

struct DaemonCommand {
  std::string command;  ///< "", "init" or "adopt"
  bool help = false;
  bool version = false;
  bool check_config = false;  ///< load, judge, exit: nothing is changed
  std::string config;         ///< file, or ""
  SettingValues flags;
};

/// kInvalidArgument names the word. Values are checked by load_settings.
Result<DaemonCommand> parse_daemon_command(int argc, char** argv, const SettingTable& table);

/// The settings' part of --help.
std::string settings_help(const SettingTable& table);

}  // namespace troth
