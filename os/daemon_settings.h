#pragma once
// The one table of every setting of the daemons. Flags, environment, configuration file, help,
// example file and `troth config` all come from it. Flag > environment > file > default.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "troth/result.h"

namespace troth {

enum class SettingKind {
  kText,
  kAddress,  ///< HOST:PORT
  kSwitch,   ///< on or off; empty = neither was said
  kPeers,    ///< NAME=HOST:PORT, repeatable
  kDuration,
  kSize,
  kCount,
  kLogLevel,
  kLogFormat,
  kProtocol,
  kFlag  ///< true or false
};

struct Setting {
  const char* name;
  SettingKind kind;
  const char* default_value;  ///< "" = none
  const char* doc;
  std::int64_t min = 0;  ///< of durations (ns), sizes (bytes) and counts
  std::int64_t max = 0;  ///< 0 = unlimited
  bool reloads = false;  ///< SIGHUP takes a new value over
};

using SettingTable = std::vector<Setting>;
const SettingTable& coordinator_settings();
const SettingTable& participant_settings();
/// "coordinator" or "participant"; nullptr otherwise.
const SettingTable* settings_of(const std::string& role);

struct SettingValue {
  std::string text;
  std::string origin;  ///< "flag --x", "environment TROTH_X", "FILE:LINE" or "default"
};

/// Values that passed every check of the table; asking for one that the table lacks is a bug.
class SettingValues {
 public:
  explicit SettingValues(const SettingTable& table) : table_(&table) {}

  bool has(const std::string& name) const { return values_.count(name) != 0; }
  /// The only one, or "" if there is none.
  std::string text(const std::string& name) const;
  Duration duration(const std::string& name) const;
  std::uint64_t size(const std::string& name) const;
  std::size_t count(const std::string& name) const;
  /// All of a repeatable setting, and of every other one at most one.
  std::vector<SettingValue> all(const std::string& name) const;

  const SettingTable& table() const { return *table_; }
  void set(const std::string& name, std::vector<SettingValue> values) {
    values_[name] = std::move(values);
  }

 private:
  const SettingTable* table_;
  std::map<std::string, std::vector<SettingValue>> values_;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();
/// "prepare-timeout" -> "TROTH_PREPARE_TIMEOUT".
std::string environment_name(const std::string& setting);

/// Checks everything; kInvalidArgument names flag, variable or file:line, what is wrong and, for a
/// name, the nearest one. `file` may be "" (none).
Result<SettingValues> load_settings(const SettingTable& table, const SettingValues& flags,
                                    const Environment& environment, const std::string& file);
/// One value against its row. The error has no origin.
Status check_setting(const Setting& setting, const std::string& text);
const Setting* find_setting(const SettingTable& table, const std::string& name);
std::string nearest_setting(const SettingTable& table, const std::string& name);

/// A commented file that names every setting with its default: etc/coordinator.conf of the
/// packages.
std::string example_file(const SettingTable& table, const std::string& program);

}  // namespace troth
