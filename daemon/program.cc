#include "daemon/program.h"

#include <fmt/format.h>

#include <iostream>

#include "base/version.h"
#include "daemon/credential_watch.h"
#include "daemon/security.h"
#include "http/gate.h"
#include "http/server.h"
#include "os/daemon.h"
#include "os/failpoint.h"
#include "os/notify.h"
#include "recovery/claim_command.h"
#include "recovery/start_up.h"
#include "thrift/server/relay.h"
#include "thrift/server/server.h"
#include "wal/directory.h"

namespace troth::daemon {

namespace {

const char* word_for(Role role) {
  return role == Role::kCoordinator ? "coordinator" : "participant";
}

/// The parts of a running daemon. Order: own the directory and recover, open the port, start the
/// links, say ready. The values passed every check of their table (os/daemon_settings.h).
class Daemon {
 public:
  Daemon(const Program& program, const SettingValues& values, const wal::Identity& identity,
         NodeName self, Security security)
      : program_(program),
        values_(values),
        identity_(identity),
        self_(std::move(self)),
        security_(std::move(security)),
        logger_(Logger::to_stderr(*parse_log_level(values.text("log-level")),
                                  *parse_log_format(values.text("log-format")), self_.text())) {}

  /// Answers over HTTP while the node recovers.
  Status start(const std::string& data_dir, FileSystem& files) {
    if (const auto path = values_.text("trace-file"); !path.empty()) {
      TROTH_ASSIGN_OR_RETURN(spans_, SpanFile::open(path, program_.name, self_.text(), logger_));
    }
    if (values_.has("http") && !values_.text("http").empty()) {
      const auto at = *parse_host_port(values_.text("http"));
      TROTH_ASSIGN_OR_RETURN(
          http_, http::Server::start({at.host, at.port, values_.text("http-token-file"),
                                      values_.text("http-allowed-hosts"), security_.policy(),
                                      security_.credentials()},
                                     logger_));
      http_host_ = at.host;
    }
    thrift::PeerLinksOptions options{security_.policy()};
    options.credentials = security_.credentials();
    options.self = self_;
    options.addresses = program_.peers(values_);
    options.origins = origins_of(values_, program_.peer_settings);
    links_ = std::make_unique<thrift::PeerLinks>(options, relay_, clock_, logger_);
    TROTH_ASSIGN_OR_RETURN(node_, program_.start(values_, {data_dir, identity_, files, clock_,
                                                           logger_, *links_, spans_.get()}));
    node_->on_fatal([this](const Error& error) { stop_.fail_with(error); });
    admin_.emplace(node_->admin(), security_);
    relay_.set(node_->peer_handler());
    return open_port();
  }

  void reload(const Result<SettingValues>& values) {
    if (!values)
      return logger_.error("reload refused, nothing changed", {{"why", values.error().context}});
    logger_.set_level(*parse_log_level(values->text("log-level")));
    if (http_) {
      if (const auto token = http_->set_token_file(values->text("http-token-file")); !token)
        logger_.error("the HTTP token stays as it was", {{"why", token.error().context}});
    }
    if (watch_) watch_->reload();
    if (program_.reload) program_.reload(*values, *links_, logger_);
    logger_.info("reloaded");
  }

  /// Until a signal, or until a part of the daemon has failed; then the process is left at once.
  Status run(Reloader reloader) {
    stop_.on_hangup([&] { reload(reloader.reload()); });
    const auto http_address = http_ ? fmt::format("{}:{}", http_host_, http_->port()) : "";
    logger_.info("ready", {{"thrift", address_}, {"http", http_address}});
    print_ready(self_.text(), word_for(program_.role), address_, http_address);
    const auto failure = stop_.wait();
    stop_.on_hangup(nullptr);
    // Nothing may be promised any more, and memory and disk may disagree: the restart reads the
    // disk.
    if (failure) std::_Exit(report_fatal(program_.name, *failure));
    return end();
  }

  const Logger& logger() const { return logger_; }

 private:
  Status open_port() {
    const auto listen = *parse_host_port(values_.text("listen"));
    thrift::ServerOptions options;
    options.host = listen.host;
    options.port = listen.port;
    options.credentials = security_.credentials();
    TROTH_ASSIGN_OR_RETURN(
        server_,
        thrift::Server::start(
            options, {security_.policy(), node_->clients(), &*admin_, &node_->peer_handler()},
            {version(), "", self_, program_.role, {"two_phase", "three_phase", "one_phase"}},
            logger_));
    address_ = fmt::format("{}:{}", listen.host, server_->port());
    const auto advertised = values_.text("advertise");
    node_->set_own_address(advertised.empty() ? address_ : advertised);
    TROTH_TRY(links_->start());
    if (const auto& credentials = security_.credentials())
      watch_.emplace(
          credentials,
          [this] {
            server_->recheck();
            links_->recheck();
          },
          logger_);
    if (http_) http_->serve(*admin_, node_->clients());
    return {};
  }

  Status end() {
    logger_.info("draining");
    notify_supervisor("STOPPING=1\nSTATUS=draining\n");
    if (http_) http_->not_ready("draining");
    node_->drain(values_.duration("grace"));
    if (http_) http_->stop();
    if (watch_) watch_->stop();
    server_->stop();
    links_->stop();
    node_->stop();
    // A record that could not be written while draining was never promised, but an operator must
    // know.
    if (const auto late = stop_.failure()) return fail(*late);
    logger_.info("stopped");
    return {};
  }

  // In the order in which they are made: later ones use earlier ones.
  const Program& program_;
  const SettingValues& values_;
  const wal::Identity& identity_;
  const NodeName self_;
  const Security security_;
  const SystemClock clock_;
  const Logger logger_;
  StopSignal stop_;
  std::unique_ptr<SpanFile> spans_;
  std::unique_ptr<http::Server> http_;
  std::string http_host_;
  thrift::PeerRelay relay_;
  std::unique_ptr<thrift::PeerLinks> links_;
  std::unique_ptr<RunningNode> node_;
  std::optional<SecuredAdmin> admin_;
  std::unique_ptr<thrift::Server> server_;
  std::string address_;
  std::optional<CredentialWatch> watch_;
};

Status init(const Program& program, FileSystem& files, const DaemonStart& start) {
  if (!start.values.has("name")) return fail(ErrorCode::kInvalidArgument, "init needs --name");
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(start.values.text("name")));
  TROTH_ASSIGN_OR_RETURN(const auto cluster, cluster_of(start.values));
  const char* role = word_for(program.role);
  TROTH_ASSIGN_OR_RETURN(const auto identity,
                         recovery::init_log(files, start.data_dir, role, name, cluster));
  std::cout << fmt::format("initialised {} {} in {} (log {})\n{}", role, name, start.data_dir,
                           identity.log_id, program.init_note);
  return {};
}

Status adopt(const Program& program, FileSystem& files, const DaemonStart& start) {
  TROTH_ASSIGN_OR_RETURN(const auto lock, wal::lock_directory(files, start.data_dir));
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::adopt(files, start.data_dir));
  std::cout << fmt::format("adopted {} (log {}){}\n", start.data_dir, identity.log_id,
                           program.adopt_note);
  return {};
}

Status check_config(const Program& program, FileSystem& files, const DaemonStart& start) {
  TROTH_TRY(recovery::check_directory(files, start.data_dir, word_for(program.role)));
  TROTH_TRY(check_files(start.values));
  if (const auto token = start.values.text("http-token-file"); !token.empty()) {
    TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto good, http::read_token(token));
  }
  if (program.try_out) TROTH_TRY(program.try_out(start.values));
  std::cout << "the settings are good\n";
  return {};
}

Status run_command(const Program::Command& command, FileSystem& files, const DaemonStart& start) {
  TROTH_ASSIGN_OR_RETURN(const auto said, command(start.values, start.data_dir, files));
  std::cout << said;
  return {};
}

Result<int> run(const Program& program, int argc, char** argv) {
  TROTH_ASSIGN_OR_RETURN(const auto start,
                         start_daemon(argc, argv, program.name, program.help, program.settings));
  if (start.exit) return *start.exit;
  TROTH_TRY(failpoint::arm_from_environment());
  const auto files = make_posix_file_system();
  const auto zero = [](const Status& done) -> Result<int> {
    if (!done) return fail(done.error());
    return 0;
  };
  if (start.command == "init") return zero(init(program, *files, start));
  if (start.command == "adopt") return zero(adopt(program, *files, start));
  if (start.command == "dismiss" || start.command == "confirm")
    return zero(settle_claim(start.command, start.values, *files));
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(*files, start.data_dir));
  TROTH_TRY(program.check(start.values));
  TROTH_TRY(Security::check(start.values));
  TROTH_TRY(check_name(start.values, identity.node));
  if (start.check_config) {
    if (auto security = Security::open(start.values, identity, program.role); !security)
      return fail(security.error());
    return zero(check_config(program, *files, start));
  }
  if (const auto command = program.commands.find(start.command); command != program.commands.end())
    return zero(run_command(command->second, *files, start));
  TROTH_ASSIGN_OR_RETURN(auto self, NodeName::parse(identity.node));
  TROTH_ASSIGN_OR_RETURN(auto security, Security::open(start.values, identity, program.role));
  Daemon daemon(program, start.values, identity, std::move(self), std::move(security));
  TROTH_TRY(daemon.start(start.data_dir, *files));
  return zero(daemon.run(Reloader(argc, argv, start.values, daemon.logger())));
}

}  // namespace

std::map<NodeName, std::string> origins_of(const SettingValues& values,
                                           const std::vector<const char*>& peer_settings) {
  std::map<NodeName, std::string> out;
  for (const char* setting : peer_settings)
    for (const auto& value : values.all(setting))
      if (const auto pair = parse_assignment(value.text))
        out[NodeName::from_trusted(pair->first)] = value.origin;
  return out;
}

int main(const Program& program, int argc, char** argv) {
  block_signals();
  const auto code = run(program, argc, argv);
  return code ? *code : report_fatal(program.name, code.error());
}

}  // namespace troth::daemon
