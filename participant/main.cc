// troth-participant: the agent as a daemon beside one SQLite database.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "base/daemon.h"
#include "base/failpoint.h"
#include "base/options_parser.h"
#include "base/settings.h"
#include "participant/agent.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "thrift/peer_links.h"
#include "thrift/relay.h"
#include "thrift/server.h"

namespace {

namespace po = boost::program_options;
using namespace troth;

constexpr const char* kProgram = "troth-participant";

constexpr const char* kHelp =
    R"(troth-participant: lets one SQLite database take part in distributed transactions

Usage:
  troth-participant init  --data-dir DIR --name NAME      make the log of a new participant (once)
  troth-participant       --data-dir DIR --database FILE  run
  troth-participant adopt --data-dir DIR                  take over a copied or restored log

Example:
  sqlite3 orders.db 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL)'
  troth-participant init --data-dir /var/lib/troth/orders --name orders
  troth-participant --data-dir /var/lib/troth/orders --database orders.db --listen 127.0.0.1:7430

While it runs, every program may read the database; writing is the agent's alone (others get SQLITE_BUSY).
Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

po::options_description settings() {
  po::options_description out("Settings (also `name = value` lines of --config FILE)");
  out.add_options()("data-dir", po::value<std::string>(),
                    "directory of the agent's log; must be initialised")(
      "name", po::value<std::string>(), "logical name, for init")(
      "database", po::value<std::string>(), "the SQLite file; must exist")(
      "listen", po::value<std::string>()->default_value("127.0.0.1:7430"),
      "HOST:PORT; port 0 = any")(
      "advertise", po::value<std::string>()->default_value(""),
      "HOST:PORT under which others reach this node (default: what it listens on)")(
      "coordinator", po::value<std::vector<std::string>>()->composing(),
      "NAME=HOST:PORT; otherwise learned when the coordinator calls")(
      "inquiry-interval", po::value<std::string>()->default_value("200ms"),
      "silence after which an in-doubt branch asks; doubles up to 5s")(
      "lock-timeout", po::value<std::string>()->default_value("2s"),
      "longest wait for a lock, then vote NO")("flush-interval",
                                               po::value<std::string>()->default_value("10ms"),
                                               "at the latest then plain readers see a commit")(
      "grace", po::value<std::string>()->default_value("10s"),
      "time given to executing branches on SIGTERM")(
      "database-wal-bytes", po::value<std::string>()->default_value("64MiB"),
      "size of SQLite's own -wal file from which it is checkpointed")(
      "segment-bytes", po::value<std::string>()->default_value("64MiB"), "size of a log segment")(
      "log-level", po::value<std::string>()->default_value("info"), "debug, info, warn, error")(
      "log-format", po::value<std::string>()->default_value("logfmt"), "logfmt or json");
  return out;
}

struct Settings {
  participant::AgentOptions agent;
  participant::SqliteOptions sqlite;
  std::map<NodeName, std::string> coordinators;
  HostPort listen;
  std::string advertise;
  Duration grace{0};
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};

Result<Settings> read(const po::variables_map& values) {
  const auto text = [&](const char* key) { return values[key].as<std::string>(); };
  Settings out;
  if (values.count("database") == 0)
    return fail(ErrorCode::kInvalidArgument, "--database is missing; see --help");
  out.sqlite.path = text("database");
  TROTH_ASSIGN_OR_RETURN(out.listen, parse_host_port(text("listen")));
  out.advertise = text("advertise");
  TROTH_ASSIGN_OR_RETURN(out.agent.inquiry_interval, parse_duration(text("inquiry-interval")));
  TROTH_ASSIGN_OR_RETURN(out.agent.lock_timeout, parse_duration(text("lock-timeout")));
  TROTH_ASSIGN_OR_RETURN(out.agent.flush_interval, parse_duration(text("flush-interval")));
  TROTH_ASSIGN_OR_RETURN(out.grace, parse_duration(text("grace")));
  TROTH_ASSIGN_OR_RETURN(out.agent.segment_bytes, parse_size(text("segment-bytes")));
  TROTH_ASSIGN_OR_RETURN(out.sqlite.checkpoint_wal_bytes, parse_size(text("database-wal-bytes")));
  TROTH_ASSIGN_OR_RETURN(out.level, parse_log_level(text("log-level")));
  TROTH_ASSIGN_OR_RETURN(out.format, parse_log_format(text("log-format")));
  if (out.agent.inquiry_interval < std::chrono::milliseconds(10))
    return fail(ErrorCode::kInvalidArgument, "inquiry-interval must be at least 10ms");
  if (values.count("coordinator") == 0) return out;
  for (const auto& item : values["coordinator"].as<std::vector<std::string>>()) {
    TROTH_ASSIGN_OR_RETURN(const auto pair, parse_assignment(item));
    TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(pair.first));
    out.coordinators[name] = pair.second;
  }
  return out;
}

Status serve(Settings settings, const std::string& data_dir, FileSystem& files) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(files, data_dir));
  const SystemClock clock;
  const auto logger = Logger::to_stderr(settings.level, settings.format, identity.node);
  StopSignal stop;
  TROTH_ASSIGN_OR_RETURN(const auto self, NodeName::parse(identity.node));
  thrift::PeerRelay relay;
  thrift::PeerLinksOptions link_options;
  link_options.self = self;
  link_options.addresses = settings.coordinators;
  thrift::PeerLinks links(link_options, relay, clock, logger);
  settings.agent.data_dir = data_dir;
  TROTH_ASSIGN_OR_RETURN(
      const auto agent,
      participant::Agent::start(
          settings.agent, participant::make_sqlite_resource_manager(settings.sqlite, clock, logger),
          &links, files, clock, logger));
  agent->on_fatal([&stop](const Error& error) { stop.fail_with(error); });
  relay.set(agent->peer_handler());
  thrift::ServerOptions server_options;
  server_options.host = settings.listen.host;
  server_options.port = settings.listen.port;
  TROTH_ASSIGN_OR_RETURN(
      const auto server,
      thrift::Server::start(
          server_options, {nullptr, &agent->admin(), &agent->peer_handler()},
          {TROTH_VERSION, "", self, protocol::Role::kParticipant, {"two_phase", "one_phase"}},
          logger));
  const auto address = fmt::format("{}:{}", settings.listen.host, server->port());
  agent->set_own_address(settings.advertise.empty() ? address : settings.advertise);
  TROTH_TRY(links.start());
  print_ready(identity.node, "participant", address);
  auto failure = stop.wait();
  if (failure) {
    // Memory and disk may disagree: leave at once, the restart reads the disk.
    std::_Exit(report_fatal(kProgram, *failure));
  }
  logger.info("draining");
  agent->drain(settings.grace);
  server->stop();
  links.stop();
  agent->stop();
  logger.info("stopped");
  return {};
}

Result<int> run(int argc, char** argv) {
  const auto described = settings();
  TROTH_ASSIGN_OR_RETURN(const auto parsed, parse_daemon_options(argc, argv, described));
  if (parsed.help) {
    std::cout << kHelp << "\n" << described;
    return 0;
  }
  if (parsed.version) {
    std::cout << kProgram << " " << TROTH_VERSION << "\n";
    return 0;
  }
  TROTH_TRY(failpoint::arm_from_environment());
  const auto& values = parsed.values;
  if (values.count("data-dir") == 0)
    return fail(ErrorCode::kInvalidArgument, "--data-dir is missing; see --help");
  const auto data_dir = values["data-dir"].as<std::string>();
  const auto files = make_posix_file_system();
  if (parsed.command == "init") {
    if (values.count("name") == 0) return fail(ErrorCode::kInvalidArgument, "init needs --name");
    TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(values["name"].as<std::string>()));
    TROTH_ASSIGN_OR_RETURN(const auto identity, participant::Agent::init(*files, data_dir, name));
    std::cout << fmt::format("initialised participant {} in {} (log {})\n", name, data_dir,
                             identity.log_id);
    return 0;
  }
  if (parsed.command == "adopt") {
    TROTH_ASSIGN_OR_RETURN(const auto lock, wal::lock_directory(*files, data_dir));
    TROTH_ASSIGN_OR_RETURN(const auto identity, wal::adopt(*files, data_dir));
    std::cout << fmt::format("adopted {} (log {})\n", data_dir, identity.log_id);
    return 0;
  }
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto identity,
                         wal::read_identity(*files, data_dir));
  TROTH_ASSIGN_OR_RETURN(auto options, read(values));
  TROTH_TRY(serve(std::move(options), data_dir, *files));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  troth::block_signals();
  const auto code = run(argc, argv);
  return code ? *code : troth::report_fatal(kProgram, code.error());
}
