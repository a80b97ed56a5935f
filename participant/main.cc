// troth-participant: the agent as a daemon beside one SQLite database.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>

#include "base/version.h"
#include "http/server.h"
#include "os/daemon.h"
#include "os/daemon_start.h"
#include "os/failpoint.h"
#include "os/notify.h"
#include "os/span_file.h"
#include "participant/node.h"
#include "participant/pair_check.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "recovery/claim_command.h"
#include "recovery/start_up.h"
#include "thrift/peer/peer_links.h"
#include "thrift/server/relay.h"
#include "thrift/server/server.h"

namespace {

using namespace troth;

constexpr const char* kProgram = "troth-participant";

constexpr const char* kHelp =
    R"(troth-participant: lets one SQLite database take part in distributed transactions

Usage:
  troth-participant init  --data-dir DIR --name NAME [--cluster ID]   make the log of a new participant (once)
  troth-participant       --data-dir DIR --database FILE  run
  troth-participant adopt --data-dir DIR                  take over a copied or restored log
  troth-participant dismiss --data-dir DIR --name PEER --reason TEXT   end a quarantine: that peer is wrong about this log
  troth-participant confirm --data-dir DIR --name PEER --reason TEXT   that peer is right: never serve this log again

Example:
  sqlite3 orders.db 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL)'
  troth-participant init --data-dir /var/lib/troth/orders --name orders
  troth-participant --data-dir /var/lib/troth/orders --database orders.db --listen 127.0.0.1:7430

While it runs, every program may read the database; writing is the agent's alone (others get SQLITE_BUSY).
--check-config judges the settings, looks whether what they name exists, and exits. SIGHUP reloads what may change.
Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 69 something it needs is locked, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

struct Settings {
  participant::NodeOptions agent;
  SqliteOptions sqlite;
  HostPort listen;
  std::optional<HostPort> http;
  std::string advertise;
  Duration grace{0};
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  std::string trace_file;
  std::string http_token_file;
  std::string http_allowed_hosts;
};

// The values passed every check of their table (os/daemon_settings.h).
Result<Settings> read(const SettingValues& values) {
  Settings out;
  out.sqlite.path = values.text("database");
  if (out.sqlite.path.empty())
    return fail(ErrorCode::kInvalidArgument, "--database is missing; see --help");
  out.sqlite.checkpoint_wal_bytes = values.size("database-wal-bytes");
  out.sqlite.statement_time_limit = values.duration("statement-timeout");
  out.sqlite.statement_memory_bytes = values.size("statement-memory");
  out.sqlite.max_redo_bytes = values.size("redo-limit");
  out.agent.inquiry_interval = values.duration("inquiry-interval");
  out.agent.suspicion_timeout = values.duration("suspicion-timeout");
  out.agent.lock_timeout = values.duration("lock-timeout");
  out.agent.flush_interval = values.duration("flush-interval");
  out.agent.segment_bytes = values.size("segment-bytes");
  const auto named = [&](const char* setting, std::map<NodeName, std::string>& peers) {
    for (const auto& peer : values.all(setting)) {
      const auto pair = *parse_assignment(peer.text);
      peers[NodeName::from_trusted(pair.first)] = pair.second;
    }
  };
  named("coordinator", out.agent.coordinators);
  named("peer", out.agent.peers);
  out.listen = *parse_host_port(values.text("listen"));
  if (values.has("http") && !values.text("http").empty())
    out.http = *parse_host_port(values.text("http"));
  out.advertise = values.text("advertise");
  out.grace = values.duration("grace");
  out.level = *parse_log_level(values.text("log-level"));
  out.format = *parse_log_format(values.text("log-format"));
  out.trace_file = values.text("trace-file");
  out.http_token_file = values.text("http-token-file");
  out.http_allowed_hosts = values.text("http-allowed-hosts");
  return out;
}

std::map<NodeName, std::string> named_peers(const participant::NodeOptions& agent) {
  auto out = agent.peers;
  out.insert(agent.coordinators.begin(), agent.coordinators.end());
  return out;
}

// Connections prove no identity yet.
const protocol::Policy& policy() {
  return protocol::everybody_may();
}

Status serve(Settings settings, const std::string& data_dir, FileSystem& files,
             const std::function<Reloader(const Logger&)>& make_reloader) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(files, data_dir));
  const SystemClock clock;
  const auto logger = Logger::to_stderr(settings.level, settings.format, identity.node);
  StopSignal stop;
  std::unique_ptr<SpanFile> spans;
  if (!settings.trace_file.empty()) {
    TROTH_ASSIGN_OR_RETURN(
        spans, SpanFile::open(settings.trace_file, "troth-participant", identity.node, logger));
    settings.agent.spans = spans.get();
  }
  std::unique_ptr<http::Server> http;
  if (settings.http) {
    TROTH_ASSIGN_OR_RETURN(
        http, http::Server::start({settings.http->host, settings.http->port,
                                   settings.http_token_file, settings.http_allowed_hosts, policy()},
                                  logger));
  }
  TROTH_ASSIGN_OR_RETURN(const auto self, NodeName::parse(identity.node));
  thrift::PeerRelay relay;
  thrift::PeerLinksOptions link_options{policy()};
  link_options.self = self;
  link_options.addresses = named_peers(settings.agent);
  thrift::PeerLinks links(link_options, relay, clock, logger);
  settings.agent.data_dir = data_dir;
  TROTH_ASSIGN_OR_RETURN(
      const auto agent,
      participant::Node::start(
          settings.agent, participant::make_sqlite_resource_manager(settings.sqlite, clock, logger),
          &links, files, clock, logger));
  std::error_code relative;  // a path that cannot be made absolute is noted as it was given
  const auto database = std::filesystem::absolute(settings.sqlite.path, relative).string();
  if (const auto noted =
          participant::note_database(files, data_dir, relative ? settings.sqlite.path : database);
      !noted)
    logger.warn("doctor will not know the database", {{"why", noted.error().context}});
  agent->on_fatal([&stop](const Error& error) { stop.fail_with(error); });
  relay.set(agent->peer_handler());
  thrift::ServerOptions server_options;
  server_options.host = settings.listen.host;
  server_options.port = settings.listen.port;
  TROTH_ASSIGN_OR_RETURN(
      const auto server,
      thrift::Server::start(
          server_options, {policy(), nullptr, &agent->admin(), &agent->peer_handler()},
          {version(), "", self, Role::kParticipant, {"two_phase", "three_phase", "one_phase"}},
          logger));
  const auto address = fmt::format("{}:{}", settings.listen.host, server->port());
  agent->set_own_address(settings.advertise.empty() ? address : settings.advertise);
  TROTH_TRY(links.start());
  if (http) http->serve(agent->admin(), nullptr);
  auto reloader = make_reloader(logger);
  stop.on_hangup([&] {
    const auto values = reloader.reload();
    if (!values)
      return logger.error("reload refused, nothing changed", {{"why", values.error().context}});
    logger.set_level(*parse_log_level(values->text("log-level")));
    if (http) {
      if (const auto token = http->set_token_file(values->text("http-token-file")); !token)
        logger.error("the HTTP token stays as it was", {{"why", token.error().context}});
    }
    logger.info("reloaded");
  });
  const auto http_address = http ? fmt::format("{}:{}", settings.http->host, http->port()) : "";
  logger.info("ready", {{"thrift", address}, {"http", http_address}});
  print_ready(identity.node, "participant", address, http_address);
  auto failure = stop.wait();
  stop.on_hangup(nullptr);
  if (failure) {
    // Memory and disk may disagree: leave at once, the restart reads the disk.
    std::_Exit(report_fatal(kProgram, *failure));
  }
  logger.info("draining");
  notify_supervisor("STOPPING=1\nSTATUS=draining\n");
  if (http) http->not_ready("draining");
  agent->drain(settings.grace);
  if (http) http->stop();
  server->stop();
  links.stop();
  agent->stop();
  // What could not be written while draining was promised to nobody, but an operator must know.
  if (const auto late = stop.failure()) return fail(*late);
  logger.info("stopped");
  return {};
}

Result<int> run(int argc, char** argv) {
  TROTH_ASSIGN_OR_RETURN(const auto start,
                         start_daemon(argc, argv, kProgram, kHelp, participant_settings()));
  if (start.exit) return *start.exit;
  TROTH_TRY(failpoint::arm_from_environment());
  const auto& values = start.values;
  const auto& data_dir = start.data_dir;
  const auto files = make_posix_file_system();
  if (start.command == "init") {
    if (!values.has("name")) return fail(ErrorCode::kInvalidArgument, "init needs --name");
    TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(values.text("name")));
    TROTH_ASSIGN_OR_RETURN(const auto cluster, cluster_of(values));
    TROTH_ASSIGN_OR_RETURN(const auto identity,
                           participant::Node::init(*files, data_dir, name, cluster));
    std::cout << fmt::format(
        "initialised participant {} in {} (log {})\n"
        "At its first start it switches the database to WAL mode (PRAGMA journal_mode), which "
        "stays, "
        "and adds the table troth_applied.\n",
        name, data_dir, identity.log_id);
    return 0;
  }
  if (start.command == "dismiss" || start.command == "confirm") {
    TROTH_TRY(settle_claim(start.command, values, *files));
    return 0;
  }
  if (start.command == "adopt") {
    TROTH_ASSIGN_OR_RETURN(const auto lock, wal::lock_directory(*files, data_dir));
    TROTH_ASSIGN_OR_RETURN(const auto identity, wal::adopt(*files, data_dir));
    std::cout << fmt::format("adopted {} (log {})\n", data_dir, identity.log_id);
    return 0;
  }
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(*files, data_dir));
  TROTH_ASSIGN_OR_RETURN(auto options, read(values));
  TROTH_TRY(check_name(values, identity.node));
  if (start.check_config) {
    TROTH_TRY(recovery::check_directory(*files, data_dir, "participant"));
    TROTH_TRY(check_files(values));
    std::cout << "the settings are good\n";
    return 0;
  }
  TROTH_TRY(serve(std::move(options), data_dir, *files,
                  [&](const Logger& logger) { return Reloader(argc, argv, values, logger); }));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  troth::block_signals();
  const auto code = run(argc, argv);
  return code ? *code : troth::report_fatal(kProgram, code.error());
}
