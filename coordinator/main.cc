// troth-coordinator: joins log, engine and network. Order: own the directory and recover, open the
// port, start the links, say ready.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "base/daemon.h"
#include "base/failpoint.h"
#include "base/options_parser.h"
#include "base/settings.h"
#include "coordinator/node.h"
#include "thrift/peer_links.h"
#include "thrift/relay.h"
#include "thrift/server.h"

namespace {

namespace po = boost::program_options;
using namespace troth;

constexpr const char* kProgram = "troth-coordinator";

constexpr const char* kHelp =
    R"(troth-coordinator: makes one transaction atomic across many databases

Usage:
  troth-coordinator init  --data-dir DIR --name NAME      make the log of a new coordinator (once)
  troth-coordinator       --data-dir DIR --participant NAME=HOST:PORT ...      run
  troth-coordinator adopt --data-dir DIR                  take over a copied or restored log

Example:
  troth-coordinator init --data-dir /var/lib/troth/c1 --name c1
  troth-coordinator --data-dir /var/lib/troth/c1 --participant orders=127.0.0.1:7430 --participant stock=127.0.0.1:7440

Prints one JSON line on stdout when it is ready. SIGTERM drains and exits 0.
Exit codes: 0 clean, 64 usage, 70 corruption or lost memory, 74 I/O error, 75 fenced or data directory in use.
)";

po::options_description settings() {
  po::options_description out("Settings (also `name = value` lines of --config FILE)");
  out.add_options()("data-dir", po::value<std::string>(),
                    "directory of the log; must be initialised")("name", po::value<std::string>(),
                                                                 "logical name, for init")(
      "listen", po::value<std::string>()->default_value("127.0.0.1:7420"),
      "HOST:PORT; port 0 = any")(
      "advertise", po::value<std::string>()->default_value(""),
      "HOST:PORT under which participants reach this node (default: what it listens on)")(
      "participant", po::value<std::vector<std::string>>()->composing(),
      "NAME=HOST:PORT, repeatable")("prepare-timeout",
                                    po::value<std::string>()->default_value("2s"),
                                    "time to reach a decision, unless the client names one")(
      "resend-interval", po::value<std::string>()->default_value("200ms"),
      "first pause before a message is repeated; doubles up to 5s")(
      "key-retention", po::value<std::string>()->default_value("24h"),
      "how long an idempotency key is remembered")(
      "max-in-flight", po::value<std::size_t>()->default_value(10000),
      "transactions at once; more are refused with a retry hint")(
      "grace", po::value<std::string>()->default_value("10s"),
      "time given to live transactions on SIGTERM")(
      "segment-bytes", po::value<std::string>()->default_value("64MiB"), "size of a log segment")(
      "log-level", po::value<std::string>()->default_value("info"), "debug, info, warn, error")(
      "log-format", po::value<std::string>()->default_value("logfmt"), "logfmt or json");
  return out;
}

struct Settings {
  coordinator::NodeOptions node;
  HostPort listen;
  std::string advertise;
  Duration grace{0};
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};

Result<Settings> read(const po::variables_map& values) {
  const auto text = [&](const char* key) { return values[key].as<std::string>(); };
  Settings out;
  auto& engine = out.node.engine;
  TROTH_ASSIGN_OR_RETURN(out.listen, parse_host_port(text("listen")));
  out.advertise = text("advertise");
  TROTH_ASSIGN_OR_RETURN(engine.prepare_timeout, parse_duration(text("prepare-timeout")));
  TROTH_ASSIGN_OR_RETURN(engine.resend.first, parse_duration(text("resend-interval")));
  TROTH_ASSIGN_OR_RETURN(engine.key_retention, parse_duration(text("key-retention")));
  TROTH_ASSIGN_OR_RETURN(out.grace, parse_duration(text("grace")));
  TROTH_ASSIGN_OR_RETURN(out.node.segment_bytes, parse_size(text("segment-bytes")));
  TROTH_ASSIGN_OR_RETURN(out.level, parse_log_level(text("log-level")));
  TROTH_ASSIGN_OR_RETURN(out.format, parse_log_format(text("log-format")));
  if (engine.prepare_timeout < std::chrono::milliseconds(100))
    return fail(ErrorCode::kInvalidArgument, "prepare-timeout must be at least 100ms");
  if (engine.resend.first < std::chrono::milliseconds(10))
    return fail(ErrorCode::kInvalidArgument, "resend-interval must be at least 10ms");
  engine.max_in_flight = values["max-in-flight"].as<std::size_t>();
  if (values.count("participant") == 0) return out;
  for (const auto& item : values["participant"].as<std::vector<std::string>>()) {
    TROTH_ASSIGN_OR_RETURN(const auto pair, parse_assignment(item));
    TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(pair.first));
    if (!engine.participants.emplace(name, pair.second).second)
      return fail(ErrorCode::kInvalidArgument, fmt::format("participant {} is named twice", name));
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
  settings.node.data_dir = data_dir;
  thrift::PeerLinksOptions link_options;
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
          server_options, {node.get(), &node->admin(), &node->peer_handler()},
          {TROTH_VERSION, "", self, protocol::Role::kCoordinator, {"two_phase", "one_phase"}},
          logger));
  const auto address = fmt::format("{}:{}", settings.listen.host, server->port());
  node->set_own_address(settings.advertise.empty() ? address : settings.advertise);
  TROTH_TRY(links.start());
  print_ready(identity.node, "coordinator", address);
  auto failure = stop.wait();
  if (failure) {
    // Nothing may be promised any more: leave at once, the log is the truth.
    std::_Exit(report_fatal(kProgram, *failure));
  }
  logger.info("draining");
  node->drain(settings.grace);
  server->stop();
  links.stop();
  node->stop();
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
    TROTH_ASSIGN_OR_RETURN(const auto identity, coordinator::Node::init(*files, data_dir, name));
    std::cout << fmt::format("initialised coordinator {} in {} (log {})\n", name, data_dir,
                             identity.log_id);
    return 0;
  }
  if (parsed.command == "adopt") {
    TROTH_ASSIGN_OR_RETURN(const auto lock, wal::lock_directory(*files, data_dir));
    TROTH_ASSIGN_OR_RETURN(const auto identity, wal::adopt(*files, data_dir));
    std::cout << fmt::format("adopted {} (log {}); nothing undecided before now is presumed\n",
                             data_dir, identity.log_id);
    return 0;
  }
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
