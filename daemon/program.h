#pragma once
// What both daemons do around their node: the commands init, adopt, dismiss and confirm, the ports, the links, reload,
// and the order of start and end. A main.cc says what differs.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/running_node.h"
#include "os/clock.h"
#include "os/daemon_settings.h"
#include "os/daemon_start.h"
#include "os/file.h"
#include "os/logging.h"
#include "os/span_file.h"
#include "thrift/peer/peer_links.h"
#include "wal/directory.h"

namespace troth::daemon {

/// What a node is started with. Everything lives longer than the node.
struct Surroundings {
  const std::string& data_dir;
  const wal::Identity& identity;  ///< of the log in data_dir
  FileSystem& files;
  const Clock& clock;
  const Logger& logger;
  thrift::PeerLinks& links;
  SpanSink* spans;  ///< null: nothing is traced
};

/// One of the two programs.
struct Program {
  const char* name;  ///< "troth-coordinator"
  const char* help;
  Role role;
  const SettingTable& settings;
  std::string init_note;   ///< printed after init
  std::string adopt_note;  ///< printed behind the sentence of adopt
  /// Judges the settings beyond their table. For --check-config and before every start.
  std::function<Status(const SettingValues&)> check;
  /// For --check-config alone: uses what the settings name as a start would, and changes nothing.
  std::function<Status(const SettingValues&)> try_out;
  /// The peers that the settings name, by address.
  std::function<std::map<NodeName, std::string>(const SettingValues&)> peers;
  /// The settings that name peers, NAME=HOST:PORT each.
  std::vector<const char*> peer_settings;
  std::function<Result<std::unique_ptr<RunningNode>>(const SettingValues&, const Surroundings&)>
      start;
  /// Beyond what both daemons reload. May be empty.
  std::function<void(const SettingValues&, thrift::PeerLinks&, const Logger&)> reload;
  /// Further commands, of a node that is stopped, by name. The text is the data directory; what a
  /// command returns is printed.
  using Command =
      std::function<Result<std::string>(const SettingValues&, const std::string&, FileSystem&)>;
  std::map<std::string, Command> commands = {};
};

/// Where the settings name each peer: "c1.conf:7".
std::map<NodeName, std::string> origins_of(const SettingValues& values,
                                           const std::vector<const char*>& peer_settings);

/// The program from its arguments to its exit code.
int main(const Program& program, int argc, char** argv);

}  // namespace troth::daemon
