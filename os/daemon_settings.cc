#include "os/daemon_settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "base/assert.h"
#include "base/ids.h"
#include "os/logging.h"

namespace troth {

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kHour = 3600LL * 1000 * kMs;

const Setting kDataDir{"data-dir", SettingKind::kText, "",
                       "directory of the log; must be initialised"};
const Setting kName{"name", SettingKind::kText, "", "logical name, for init"};
const Setting kCluster{
    "cluster", SettingKind::kText, "default",
    "id of the cluster, for init: only nodes with the same id talk to each other"};
const Setting kReason{"reason", SettingKind::kText, "", "why, for dismiss, confirm and repair"};
const Setting kTxn{"txn", SettingKind::kText, "", "gtid, for repair"};
const Setting kHow{"how", SettingKind::kText, "",
                   "force, skip or restore, for repair; empty = it only shows"};
const Setting kAdvertise{
    "advertise", SettingKind::kAddress, "",
    "HOST:PORT under which others reach this node; empty = where it listens, which "
    "must not be 0.0.0.0 then"};
const Setting kHttp{"http", SettingKind::kAddress, "",
                    "HOST:PORT of health, metrics and views; port 0 = any, empty = none"};
const Setting kHttpTokenFile{"http-token-file",
                             SettingKind::kText,
                             "",
                             "file with the token of those who may change something over HTTP; "
                             "empty = nobody",
                             0,
                             0,
                             true};
const Setting kHttpAllowedHosts{
    "http-allowed-hosts", SettingKind::kText, "",
    "names by which the HTTP port may be called, beside addresses, localhost and this machine's"};
const Setting kTlsDir{"tls-dir", SettingKind::kText, "",
                      "directory with this node's certificate (troth cert): its ports and links "
                      "speak TLS; empty = plain TCP"};
const Setting kInsecure{
    "insecure", SettingKind::kFlag, "false",
    "true: a port without TLS may be reached from other machines; changes nothing with "
    "tls-dir"};
const Setting kGrace{
    "grace", SettingKind::kDuration, "10s", "time given to live work on SIGTERM", 0, kHour};
const Setting kSegmentBytes{"segment-bytes",         SettingKind::kSize, "64MiB",
                            "size of a log segment", 64 << 10,           1 << 30};
const Setting kLogLevel{
    "log-level", SettingKind::kLogLevel, "info", "debug, info, warn or error", 0, 0, true};
const Setting kSuspicion{"suspicion-timeout",
                         SettingKind::kDuration,
                         "1s",
                         "three_phase: silence after which the members decide by majority",
                         20 * kMs,
                         kHour};
const Setting kLogFormat{"log-format", SettingKind::kLogFormat, "logfmt", "logfmt or json"};
const Setting kTraceFile{"trace-file", SettingKind::kText, "",
                         "file for spans of sampled requests, as OTLP/JSON lines"};

template <class T>
Status without_value(const Result<T>& result) {
  return result ? Status{} : Status(fail(result.error()));
}

Result<std::int64_t> parse_number(SettingKind kind, const std::string& text) {
  if (kind == SettingKind::kDuration) {
    TROTH_ASSIGN_OR_RETURN(const auto duration, parse_duration(text));
    return duration.count();
  }
  if (kind == SettingKind::kSize) {
    TROTH_ASSIGN_OR_RETURN(const auto size, parse_size(text));
    return static_cast<std::int64_t>(size);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0)
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is not a number", text));
  return value;
}

std::string number_text(SettingKind kind, std::int64_t value) {
  if (kind == SettingKind::kDuration) return duration_text(Duration{value});
  if (kind == SettingKind::kCount) return std::to_string(value);
  for (const auto& [unit, factor] :
       {std::pair("GiB", 1 << 30), std::pair("MiB", 1 << 20), std::pair("KiB", 1 << 10)})
    if (value >= factor && value % factor == 0) return fmt::format("{}{}", value / factor, unit);
  return fmt::format("{}B", value);
}

Status check_range(const Setting& setting, const std::string& text) {
  TROTH_ASSIGN_OR_RETURN(const auto value, parse_number(setting.kind, text));
  if (value < setting.min)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be at least {}", setting.name,
                                                         number_text(setting.kind, setting.min)));
  if (setting.max != 0 && value > setting.max)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be at most {}", setting.name,
                                                         number_text(setting.kind, setting.max)));
  return {};
}

std::string trimmed(const std::string& text) {
  const auto start = text.find_first_not_of(" \t\r");
  if (start == std::string::npos) return "";
  return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

/// Quotes are taken off; outside of them " #" begins a remark.
std::string value_of_line(const std::string& raw) {
  auto value = trimmed(raw);
  if (value.size() >= 2 && value.front() == '"') {
    if (const auto end = value.find('"', 1); end != std::string::npos)
      return value.substr(1, end - 1);
  }
  if (const auto remark = value.find(" #"); remark != std::string::npos) value.resize(remark);
  return trimmed(value);
}

Error unknown(const SettingTable& table, const std::string& where, const std::string& name) {
  const auto near = nearest_setting(table, name);
  return {ErrorCode::kInvalidArgument,
          fmt::format("{}: unknown setting \"{}\"{}", where, name,
                      near.empty() ? "" : fmt::format("; did you mean {}?", near))};
}

Result<SettingValues> read_file(const SettingTable& table, const std::string& path) {
  SettingValues out(table);
  std::ifstream in(path);
  if (!in)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot read configuration file {}", path));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    const auto where = fmt::format("{}:{}", path, ++number);
    const auto text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}: expected `name = value`", where));
    const auto name = trimmed(text.substr(0, equals));
    const auto* setting = find_setting(table, name);
    if (setting == nullptr) return fail(unknown(table, where, name));
    auto values = out.all(name);
    if (!values.empty() && setting->kind != SettingKind::kPeers)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: {} was set at {} already", where, name, values[0].origin));
    values.push_back({value_of_line(text.substr(equals + 1)), where});
    out.set(name, std::move(values));
  }
  return out;
}

std::vector<SettingValue> from_environment(const Setting& setting, const Environment& environment) {
  const auto variable = environment_name(setting.name);
  const auto found = environment(variable);
  if (!found) return {};
  const std::string origin = "environment " + variable;
  if (setting.kind != SettingKind::kPeers) return {{*found, origin}};
  std::vector<SettingValue> out;
  for (std::size_t start = 0; start <= found->size();) {
    const auto end = std::min(found->find(',', start), found->size());
    if (end > start) out.push_back({trimmed(found->substr(start, end - start)), origin});
    start = end + 1;
  }
  return out;
}

}  // namespace

const SettingTable& coordinator_settings() {
  static const SettingTable table = {
      kDataDir,
      kName,
      kCluster,
      kReason,
      {"listen", SettingKind::kAddress, "127.0.0.1:7420", "HOST:PORT; port 0 = any"},
      kAdvertise,
      kHttp,
      kHttpTokenFile,
      kHttpAllowedHosts,
      kTlsDir,
      kInsecure,
      {"participant", SettingKind::kPeers, "",
       "NAME=HOST:PORT, repeatable; one that is taken away stays until a restart", 0, 0, true},
      {"prepare-timeout", SettingKind::kDuration, "2s",
       "time to reach a decision, unless the client names one", 100 * kMs, kHour, true},
      {"interactive-deadline", SettingKind::kDuration, "60s",
       "time from begin to decision of an interactive transaction, unless the client names one",
       100 * kMs, kHour},
      {"idle-timeout", SettingKind::kDuration, "10s",
       "an interactive transaction without a call for this long is aborted", 100 * kMs, kHour},
      {"resend-interval", SettingKind::kDuration, "200ms",
       "first pause before a message is repeated; doubles up to 5s", 10 * kMs, kHour},
      {"protocol", SettingKind::kProtocol, "two_phase",
       "two_phase or three_phase, of transactions that name none"},
      kSuspicion,
      {"key-retention", SettingKind::kDuration, "24h", "how long an idempotency key is remembered"},
      {"max-retained-keys", SettingKind::kCount, "10000000",
       "idempotency keys remembered at once; requests with further ones are refused"},
      {"history-bytes", SettingKind::kSize, "1GiB",
       "size of the history of ended transactions on disk; the oldest ones are forgotten",
       std::int64_t{1} << 20},
      {"max-in-flight", SettingKind::kCount, "10000",
       "transactions at once; more are refused with a retry hint", 0, 0, true},
      kGrace,
      kSegmentBytes,
      kLogLevel,
      kLogFormat,
      kTraceFile,
  };
  return table;
}

const SettingTable& participant_settings() {
  static const SettingTable table = {
      kDataDir,
      kName,
      kCluster,
      kReason,
      kTxn,
      kHow,
      {"database", SettingKind::kText, "", "the SQLite file; must exist"},
      {"foreign-keys", SettingKind::kSwitch, "",
       "on or off; stored with the participant, empty = as stored, on at first"},
      {"extension", SettingKind::kText, "",
       "run-time extension of SQLite, or several separated by commas, loaded at the start"},
      {"listen", SettingKind::kAddress, "127.0.0.1:7430", "HOST:PORT; port 0 = any"},
      kAdvertise,
      kHttp,
      kHttpTokenFile,
      kHttpAllowedHosts,
      kTlsDir,
      kInsecure,
      {"coordinator", SettingKind::kPeers, "",
       "NAME=HOST:PORT, repeatable; with one named, no other coordinator may come. None: any "
       "coordinator of the cluster"},
      {"inquiry-interval", SettingKind::kDuration, "200ms",
       "silence after which an in-doubt branch asks; doubles up to 5s", 10 * kMs, kHour},
      kSuspicion,
      {"peer", SettingKind::kPeers, "",
       "NAME=HOST:PORT of another participant, repeatable; otherwise as the coordinator names it"},
      {"lock-timeout", SettingKind::kDuration, "2s", "longest wait for a lock, then vote NO"},
      {"max-retained-keys", SettingKind::kCount, "1000000",
       "idempotency keys of one-phase requests remembered at once, in memory; requests with "
       "further ones are refused"},
      {"statement-timeout", SettingKind::kDuration, "5s",
       "longest run of one statement, if its transaction has no earlier deadline; then vote NO",
       10 * kMs, kHour},
      {"ddl-timeout", SettingKind::kDuration, "10m", "the same for one CREATE, DROP or ALTER",
       10 * kMs, 24 * kHour},
      {"readers", SettingKind::kCount, "4",
       "threads for long reads and snapshot reads; 0: the thread that writes runs them", 0, 64},
      {"statement-memory", SettingKind::kSize, "256MiB",
       "memory of one statement beside the page cache; then vote NO", 1 << 20, 1LL << 36},
      {"redo-limit", SettingKind::kSize, "16MiB",
       "longest redo of one branch; then vote NO with BRANCH_TOO_BIG", 64 << 10, 512 << 20},
      {"open-work-limit", SettingKind::kSize, "128MiB",
       "changed rows of all undecided branches; then those of more than 4 KiB vote NO with BUSY",
       1 << 20, 1LL << 36},
      {"flush-interval", SettingKind::kDuration, "50ms",
       "longest time until plain readers see a commit"},
      kGrace,
      {"database-wal-bytes", SettingKind::kSize, "64MiB",
       "size of SQLite's own -wal file from which it is checkpointed"},
      kSegmentBytes,
      kLogLevel,
      kLogFormat,
      kTraceFile,
  };
  return table;
}

const SettingTable* settings_of(const std::string& role) {
  if (role == "coordinator") return &coordinator_settings();
  if (role == "participant") return &participant_settings();
  return nullptr;
}

std::vector<SettingValue> SettingValues::all(const std::string& name) const {
  TROTH_ASSERT(find_setting(*table_, name) != nullptr, "no setting is called {}", name);
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<SettingValue>{} : found->second;
}

std::string SettingValues::text(const std::string& name) const {
  const auto values = all(name);
  return values.empty() ? "" : values.front().text;
}

// Values were checked when they were loaded.
Duration SettingValues::duration(const std::string& name) const {
  return *parse_duration(text(name));
}
std::uint64_t SettingValues::size(const std::string& name) const {
  return *parse_size(text(name));
}
std::size_t SettingValues::count(const std::string& name) const {
  return static_cast<std::size_t>(*parse_number(SettingKind::kCount, text(name)));
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
  };
}

std::string environment_name(const std::string& setting) {
  std::string out = "TROTH_";
  for (const char c : setting)
    out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

const Setting* find_setting(const SettingTable& table, const std::string& name) {
  for (const auto& setting : table)
    if (name == setting.name) return &setting;
  return nullptr;
}

std::string nearest_setting(const SettingTable& table, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& setting : table) known.emplace_back(setting.name);
  return did_you_mean(name, known);
}

Status check_setting(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case SettingKind::kText:
      return {};
    case SettingKind::kAddress:
      return text.empty() ? Status{} : without_value(parse_host_port(text));
    case SettingKind::kSwitch:
      if (text.empty() || text == "on" || text == "off") return {};
      return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is neither on nor off", text));
    case SettingKind::kPeers: {
      TROTH_ASSIGN_OR_RETURN(const auto pair, parse_assignment(text));
      return without_value(NodeName::parse(pair.first));
    }
    case SettingKind::kDuration:
    case SettingKind::kSize:
    case SettingKind::kCount:
      return check_range(setting, text);
    case SettingKind::kProtocol:
      if (text == "two_phase" || text == "three_phase") return {};
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is neither two_phase nor three_phase", text));
    case SettingKind::kFlag:
      if (text == "true" || text == "false") return {};
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is neither true nor false", text));
    case SettingKind::kLogLevel:
      return without_value(parse_log_level(text));
    case SettingKind::kLogFormat:
      return without_value(parse_log_format(text));
  }
  return {};
}

namespace {

bool is_wildcard(const std::string& host) {
  return host.empty() || host == "*" || host == "0.0.0.0" || host == "::" || host == "0";
}

/// The address that peers are told must lead from their machines to this node. A wildcard leads
/// each of them to itself.
Status check_advertised(const SettingValues& values) {
  if (!values.has("listen")) return {};
  const bool given = values.has("advertise") && !values.text("advertise").empty();
  const std::string setting = given ? "advertise" : "listen";
  const auto told = values.all(setting).front();
  TROTH_ASSIGN_OR_RETURN(const auto address, parse_host_port(told.text));
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {} {} {}; set advertise to the HOST:PORT under which other "
                            "machines reach this node",
                            told.origin, setting, told.text, what));
  };
  if (is_wildcard(address.host)) return refuse("is no address that others can connect to");
  if (given && address.port == 0) return refuse("names no port");
  return {};
}

}  // namespace

Result<SettingValues> load_settings(const SettingTable& table, const SettingValues& flags,
                                    const Environment& environment, const std::string& file) {
  SettingValues from_file(table);
  if (!file.empty()) {
    TROTH_ASSIGN_OR_RETURN(from_file, read_file(table, file));
  }
  SettingValues out(table);
  for (const auto& setting : table) {
    auto values = flags.all(setting.name);
    if (values.empty()) values = from_environment(setting, environment);
    if (values.empty()) values = from_file.all(setting.name);
    if (values.empty() && *setting.default_value != '\0')
      values = {{setting.default_value, "default"}};
    std::map<std::string, std::string> names;
    for (const auto& value : values) {
      const auto where = value.origin.starts_with("flag ")          ? value.origin.substr(5)
                         : value.origin.starts_with("environment ") ? value.origin.substr(12)
                                                                    : value.origin;
      if (auto good = check_setting(setting, value.text); !good)
        return fail(good.error(), fmt::format("{}: {}", where, setting.name));
      if (setting.kind != SettingKind::kPeers) continue;
      const auto name = value.text.substr(0, value.text.find('='));
      if (!names.emplace(name, where).second)
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{}: {} {} is named twice", where, setting.name, name));
    }
    if (!values.empty()) out.set(setting.name, std::move(values));
  }
  TROTH_TRY(check_advertised(out));
  return out;
}

std::string example_file(const SettingTable& table, const std::string& program) {
  std::string out = fmt::format(
      "# Settings of {}. Flags and TROTH_ variables go before this file; what is\n"
      "# commented out shows its default. Durations and sizes carry their unit.\n",
      program);
  for (const auto& setting : table) {
    const std::string_view name = setting.name;
    if (name == "name" || name == "cluster" || name == "reason" || name == "txn" || name == "how")
      continue;  // of commands
    out += fmt::format("\n# {}", setting.doc);
    if (setting.reloads) out += " (SIGHUP reloads it)";
    const char* example =
        setting.kind == SettingKind::kPeers ? "orders=127.0.0.1:7430" : setting.default_value;
    out += fmt::format("\n#{} = {}\n", setting.name, example);
  }
  return out;
}

}  // namespace troth
