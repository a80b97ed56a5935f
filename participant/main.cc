// troth-participant: the agent as a daemon beside one SQLite database. What differs from the other
// daemon (daemon/program.h).
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "daemon/program.h"
#include "participant/held.h"
#include "participant/node.h"
#include "participant/pair_check.h"
#include "participant/recover.h"
#include "participant/repair.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/detach.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "participant/stored_settings.h"
#include "recovery/start_up.h"

namespace {

using namespace troth;

constexpr const char* kHelp =
    R"(troth-participant: lets one SQLite database take part in distributed transactions

Usage:
  troth-participant init  --data-dir DIR --name NAME [--cluster ID]   make the log of a new participant (once)
  troth-participant       --data-dir DIR --database FILE  run
  troth-participant adopt --data-dir DIR                  take over a copied or restored log
  troth-participant dismiss --data-dir DIR --name PEER --reason TEXT   end a quarantine: that peer is wrong about this log
  troth-participant confirm --data-dir DIR --name PEER --reason TEXT   that peer is right: never serve this log again
  troth-participant repair  --data-dir DIR --database FILE             show what the database refuses of the log (changes nothing)
  troth-participant repair  --data-dir DIR --database FILE --txn GTID --how force|skip|restore --reason TEXT   settle it
  troth-participant detach --data-dir DIR --database FILE make the database an ordinary file again

Example:
  sqlite3 orders.db 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL)'
  troth-participant init --data-dir /var/lib/troth/orders --name orders
  troth-participant --data-dir /var/lib/troth/orders --database orders.db --listen 127.0.0.1:7430

While it runs, every program may read the database; only the agent may write (others get SQLITE_BUSY).
--check-config checks the settings and that what they name can be used, and exits. SIGHUP reloads what may change.
Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 69 another program keeps the port or a lock on the database, or a statement ignores its limit, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

// The values passed every check of their table (os/daemon_settings.h).
SqliteOptions database_of(const SettingValues& values) {
  SqliteOptions out;
  out.path = values.text("database");
  out.checkpoint_wal_bytes = values.size("database-wal-bytes");
  out.statement_time_limit = values.duration("statement-timeout");
  out.schema_change_time_limit = values.duration("ddl-timeout");
  out.readers = values.count("readers");
  out.statement_memory_bytes = values.size("statement-memory");
  out.max_redo_bytes = values.size("redo-limit");
  out.max_open_bytes = values.size("open-work-limit");
  std::istringstream extensions(values.text("extension"));
  for (std::string file; std::getline(extensions, file, ',');)
    if (!file.empty()) out.extensions.push_back(file);
  return out;
}

std::map<NodeName, std::string> named(const SettingValues& values, const char* setting) {
  std::map<NodeName, std::string> out;
  for (const auto& peer : values.all(setting)) {
    const auto pair = *parse_assignment(peer.text);
    out[NodeName::from_trusted(pair.first)] = pair.second;
  }
  return out;
}

participant::NodeOptions read(const SettingValues& values) {
  participant::NodeOptions out;
  out.inquiry_interval = values.duration("inquiry-interval");
  out.suspicion_timeout = values.duration("suspicion-timeout");
  out.lock_timeout = values.duration("lock-timeout");
  out.flush_interval = values.duration("flush-interval");
  out.max_retained_keys = values.count("max-retained-keys");
  out.segment_bytes = values.size("segment-bytes");
  out.coordinators = named(values, "coordinator");
  out.peers = named(values, "peer");
  return out;
}

std::map<NodeName, std::string> peers_of(const SettingValues& values) {
  auto out = named(values, "peer");
  out.merge(named(values, "coordinator"));
  return out;
}

// For `troth doctor`, which reads the data directory.
void note_database(const std::string& path, const daemon::Surroundings& around) {
  std::error_code relative;  // a path that cannot be made absolute is noted as it was given
  const auto absolute = std::filesystem::absolute(path, relative).string();
  const auto noted =
      participant::note_database(around.files, around.data_dir, relative ? path : absolute);
  if (!noted)
    around.logger.warn("doctor will not know the database", {{"why", noted.error().context}});
}

Status check(const SettingValues& values) {
  if (!values.text("database").empty()) return {};
  return fail(ErrorCode::kInvalidArgument, "--database is missing; see --help");
}

Status try_extensions(const SettingValues& values) {
  participant::sqlite::Traits traits;
  traits.extensions = database_of(values).extensions;
  TROTH_ASSIGN_OR_RETURN(const auto scratch,
                         participant::sqlite::Connection::open(
                             ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
  return scratch->set_traits(traits);
}

Result<std::unique_ptr<RunningNode>> start(const SettingValues& values,
                                           const daemon::Surroundings& around) {
  auto options = read(values);
  options.data_dir = around.data_dir;
  options.spans = around.spans;
  auto database = database_of(values);
  TROTH_ASSIGN_OR_RETURN(database.foreign_keys,
                         participant::foreign_keys_setting(around.files, around.data_dir,
                                                           values.text("foreign-keys")));
  TROTH_ASSIGN_OR_RETURN(
      auto started,
      participant::Node::start(std::move(options),
                               participant::make_sqlite_resource_manager(
                                   std::move(database), around.clock, around.logger),
                               &around.links, around.files, around.clock, around.logger));
  note_database(values.text("database"), around);
  return std::unique_ptr<RunningNode>(std::move(started));
}

Result<std::string> repair(const SettingValues& values, const std::string& data_dir,
                           FileSystem& files) {
  const char* const user = std::getenv("USER");
  const participant::RepairRequest request{
      data_dir,
      {values.size("segment-bytes")},
      database_of(values),
      values.text("txn"),
      values.text("how"),
      {user == nullptr ? "unknown" : user, values.text("reason")}};
  return participant::repair(files, request, SystemClock());
}

// The log says what the file must hold; only then may it lose its marker.
Result<std::string> detach(const SettingValues& values, const std::string& data_dir,
                           FileSystem& files) {
  const SystemClock clock;
  const auto logger = Logger::to_stderr(*parse_log_level(values.text("log-level")),
                                        *parse_log_format(values.text("log-format")), "detach");
  const auto database = values.text("database");
  {
    const auto manager =
        participant::make_sqlite_resource_manager(database_of(values), clock, logger);
    recovery::WalAtStart log(files, data_dir, "participant", {values.size("segment-bytes")});
    const bool was_noted = participant::noted_database(files, data_dir).has_value();
    const auto recovered = participant::recover(log, *manager, was_noted, clock, logger);
    if (!recovered) return fail(recovered.error());
    if (recovered->held) return fail(participant::held(*recovered->held));
    const auto in_doubt = recovered->tables.prepared.size();
    manager->close();
    if (in_doubt > 0)
      return fail(ErrorCode::kIllegalState,
                  fmt::format("{} transactions of {} are in doubt; start the participant, see them "
                              "with troth txn list --in-doubt, and detach when none is left",
                              in_doubt, database));
    TROTH_TRY(participant::detach_database(database));
  }
  return fmt::format(
      "detached {}: the table troth_applied is gone, journal_mode is DELETE, all committed "
      "transactions are in the file.\n"
      "Coordinators do not know it: take the participant out of their configuration, and see what "
      "waits for it with troth participant lost NAME --dry-run. The log in {} stays; it accepts no "
      "other database.\n",
      database, data_dir);
}

}  // namespace

int main(int argc, char** argv) {
  const daemon::Program program{
      "troth-participant",
      kHelp,
      Role::kParticipant,
      participant_settings(),
      "At its first start it switches the database to WAL mode (PRAGMA journal_mode), which stays, "
      "and adds the table troth_applied.\n",
      "",
      check,
      try_extensions,
      peers_of,
      {"peer", "coordinator"},
      start,
      {},
      {{"repair", repair}, {"detach", detach}}};
  return daemon::main(program, argc, argv);
}
