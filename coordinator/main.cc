// troth-coordinator: joins log, engine and network. Order: own the directory and recover, open the
// port, start the links, say ready.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>

#include "base/version.h"
#include "coordinator/node.h"
#include "history/sqlite_key_store.h"
#include "http/server.h"
#include "os/daemon.h"
#include "os/daemon_start.h"
#include "os/failpoint.h"
#include "os/notify.h"
#include "os/random.h"
#include "os/span_file.h"
#include "recovery/claim_command.h"
#include "recovery/start_up.h"
#include "thrift/peer/peer_links.h"
#include "thrift/server/relay.h"
#include "thrift/server/server.h"
#include "troth/client.h"

namespace {

using namespace troth;

constexpr const char* kProgram = "troth-coordinator";

constexpr const char* kHelp =
    R"(troth-coordinator: makes one transaction atomic across many databases

Usage:
  troth-coordinator init  --data-dir DIR --name NAME [--cluster ID]   make the log of a new coordinator (once)
  troth-coordinator       --data-dir DIR --participant NAME=HOST:PORT ...      run
  troth-coordinator adopt --data-dir DIR                  take over a copied or restored log
  troth-coordinator dismiss --data-dir DIR --name PEER --reason TEXT   end a quarantine: that peer is wrong about this log
  troth-coordinator confirm --data-dir DIR --name PEER --reason TEXT   that peer is right: never serve this log again

Example:
  troth-coordinator init --data-dir /var/lib/troth/c1 --name c1
  troth-coordinator --data-dir /var/lib/troth/c1 --participant orders=127.0.0.1:7430 --participant stock=127.0.0.1:7440

--check-config judges the settings, looks whether what they name exists, and exits. SIGHUP reloads what may change.
Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 69 something it needs is locked, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

struct Settings {
  coordinator::NodeOptions node;
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

std::map<NodeName, std::string> participants_of(const SettingValues& values) {
  std::map<NodeName, std::string> out;
  for (const auto& peer : values.all("participant")) {
    const auto pair = *parse_assignment(peer.text);
    out.emplace(NodeName::from_trusted(pair.first), pair.second);
  }
  return out;
}

// The values passed every check of their table (os/daemon_settings.h).
Settings read(const SettingValues& values) {
  Settings out;
  auto& engine = out.node.engine;
  engine.prepare_timeout = values.duration("prepare-timeout");
  engine.interactive_deadline = values.duration("interactive-deadline");
  engine.idle_timeout = values.duration("idle-timeout");
  engine.resend.first = values.duration("resend-interval");
  engine.protocol = *parse_commit_protocol(values.text("protocol"));
  engine.suspicion.timeout = values.duration("suspicion-timeout");
  engine.suspicion.resend = {engine.suspicion.timeout / 4, 4 * engine.suspicion.timeout};
  engine.suspicion.jitter = random_seed();
  engine.key_retention = values.duration("key-retention");
  engine.max_in_flight = values.count("max-in-flight");
  engine.max_retained_keys = values.count("max-retained-keys");
  out.node.segment_bytes = values.size("segment-bytes");
  engine.participants = participants_of(values);
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

// Given up soon: a person waits for the view.
void ask_who_waits(TransactionDetail& detail, const NodeStatus& seen) {
  // A participant takes up to a second when its worker is busy, which is when one wants to know.
  constexpr Duration kPatience = std::chrono::seconds(3);
  ClientOptions options;
  options.connect_timeout = options.call_timeout = kPatience;
  options.client_name = "troth-coordinator";
  options.target = "participant";
  const auto until = std::chrono::steady_clock::now() + 2 * kPatience;
  for (const auto& link : seen.links) {
    const bool takes_part =
        std::any_of(detail.branches.begin(), detail.branches.end(),
                    [&](const auto& branch) { return branch.participant == link.peer; });
    if (!takes_part || !link.connected || std::chrono::steady_clock::now() > until) continue;
    options.endpoints = {link.address};
    const auto there = Client(options).show_transaction(detail.summary.gtid.text());
    if (!there) continue;
    detail.blocked.insert(detail.blocked.end(), there->blocked.begin(), there->blocked.end());
    detail.blocked_total += there->blocked_total;
    detail.gave_up += there->gave_up;
  }
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
        spans, SpanFile::open(settings.trace_file, "troth-coordinator", identity.node, logger));
    settings.node.engine.spans = spans.get();
  }
  TROTH_ASSIGN_OR_RETURN(const auto keys,
                         history::SqliteKeyStore::open(data_dir + "/keys.db", identity.log_id, {}));
  settings.node.engine.key_store = keys.get();
  std::unique_ptr<http::Server> http;
  if (settings.http) {
    TROTH_ASSIGN_OR_RETURN(
        http, http::Server::start({settings.http->host, settings.http->port,
                                   settings.http_token_file, settings.http_allowed_hosts, policy()},
                                  logger));
  }
  TROTH_ASSIGN_OR_RETURN(const auto self, NodeName::parse(identity.node));
  thrift::PeerRelay relay;
  settings.node.data_dir = data_dir;
  settings.node.ask_participants = ask_who_waits;
  thrift::PeerLinksOptions link_options{policy()};
  link_options.self = self;
  link_options.addresses = settings.node.engine.participants;
  thrift::PeerLinks links(link_options, relay, clock, logger);
  TROTH_ASSIGN_OR_RETURN(const auto node,
                         coordinator::Node::start(settings.node, links, files, clock, logger));
  node->on_fatal([&stop](const Error& error) { stop.fail_with(error); });
  relay.set(node->peer_handler());
  thrift::ServerOptions server_options;
  server_options.host = settings.listen.host;
  server_options.port = settings.listen.port;
  TROTH_ASSIGN_OR_RETURN(
      const auto server,
      thrift::Server::start(
          server_options, {policy(), node.get(), &node->admin(), &node->peer_handler()},
          {version(), "", self, Role::kCoordinator, {"two_phase", "three_phase", "one_phase"}},
          logger));
  const auto address = fmt::format("{}:{}", settings.listen.host, server->port());
  node->set_own_address(settings.advertise.empty() ? address : settings.advertise);
  TROTH_TRY(links.start());
  if (http) http->serve(node->admin(), node.get());
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
    const auto participants = participants_of(*values);
    node->set_participants(participants);  // first: a new one is answered from its first greeting
    if (const auto moved = links.set_addresses(participants); !moved)
      logger.error("the participants stay where they were", {{"why", moved.error().context}});
    node->set_limits(values->duration("prepare-timeout"), values->count("max-in-flight"));
    logger.info("reloaded");
  });
  const auto http_address = http ? fmt::format("{}:{}", settings.http->host, http->port()) : "";
  logger.info("ready", {{"thrift", address}, {"http", http_address}});
  print_ready(identity.node, "coordinator", address, http_address);
  auto failure = stop.wait();
  stop.on_hangup(nullptr);
  if (failure) {
    // Nothing may be promised any more: leave at once, the log is the truth.
    std::_Exit(report_fatal(kProgram, *failure));
  }
  logger.info("draining");
  notify_supervisor("STOPPING=1\nSTATUS=draining\n");
  if (http) http->not_ready("draining");
  node->drain(settings.grace);
  if (http) http->stop();
  server->stop();
  links.stop();
  node->stop();
  // What could not be written while draining was promised to nobody, but an operator must know.
  if (const auto late = stop.failure()) return fail(*late);
  logger.info("stopped");
  return {};
}

Result<int> run(int argc, char** argv) {
  TROTH_ASSIGN_OR_RETURN(const auto start,
                         start_daemon(argc, argv, kProgram, kHelp, coordinator_settings()));
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
                           coordinator::Node::init(*files, data_dir, name, cluster));
    std::cout << fmt::format("initialised coordinator {} in {} (log {})\n", name, data_dir,
                             identity.log_id);
    return 0;
  }
  if (start.command == "dismiss" || start.command == "confirm") {
    TROTH_TRY(settle_claim(start.command, values, *files));
    return 0;
  }
  if (start.command == "adopt") {
    TROTH_ASSIGN_OR_RETURN(const auto lock, wal::lock_directory(*files, data_dir));
    TROTH_ASSIGN_OR_RETURN(const auto identity, wal::adopt(*files, data_dir));
    std::cout << fmt::format("adopted {} (log {}); nothing undecided before now is presumed\n",
                             data_dir, identity.log_id);
    return 0;
  }
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(*files, data_dir));
  TROTH_TRY(check_name(values, identity.node));
  if (start.check_config) {
    TROTH_TRY(recovery::check_directory(*files, data_dir, "coordinator"));
    TROTH_TRY(check_files(values));
    std::cout << "the settings are good\n";
    return 0;
  }
  TROTH_TRY(serve(read(values), data_dir, *files,
                  [&](const Logger& logger) { return Reloader(argc, argv, values, logger); }));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  troth::block_signals();
  const auto code = run(argc, argv);
  return code ? *code : troth::report_fatal(kProgram, code.error());
}
