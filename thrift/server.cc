#include "thrift/server.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TTransportException.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <stop_token>
#include <thread>

#include "thrift/admin_service.h"
#include "thrift/coordinator_service.h"
#include "thrift/dial.h"
#include "thrift/dispatcher.h"
#include "thrift/peer_service.h"

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

int milliseconds(Duration d) {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

/// A stock server socket ends the whole server at the first accept error, for example when file
/// descriptors run out. This one says so and goes on.
class Listener final : public at::transport::TServerSocket {
 public:
  Listener(const std::string& host, std::uint16_t port, std::stop_token stop, Logger logger)
      : TServerSocket(host, port), stop_(std::move(stop)), logger_(std::move(logger)) {}

 protected:
  std::shared_ptr<at::transport::TTransport> acceptImpl() override {
    using Failure = at::transport::TTransportException;
    try {
      return TServerSocket::acceptImpl();
    } catch (const Failure& e) {
      if (stop_.stop_requested() || e.getType() == Failure::INTERRUPTED ||
          e.getType() == Failure::NOT_OPEN)
        throw;
      logger_.warn("cannot accept connections", {{"why", e.what()}});
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      throw Failure(Failure::TIMED_OUT);  // the one kind after which the server just tries again
    }
  }

 private:
  const std::stop_token stop_;
  const Logger logger_;
};

class TransportFactory final : public at::transport::TTransportFactory {
 public:
  explicit TransportFactory(WireLimits limits) : limits_(limits) {}
  std::shared_ptr<at::transport::TTransport> getTransport(
      std::shared_ptr<at::transport::TTransport> inner) override {
    return std::make_shared<HardenedTransport>(buffered(std::move(inner)), limits_);
  }

 private:
  const WireLimits limits_;
};

/// At most `wanted` connections, fewer if the process may not open so many files: what is left over
/// is for logs, databases and links.
int affordable_connections(int wanted) {
  constexpr rlim_t kForOthers = 200;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  if (files.rlim_cur < files.rlim_max) {
    const rlimit raised{files.rlim_max, files.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  if (files.rlim_cur == RLIM_INFINITY) return wanted;
  const rlim_t left = files.rlim_cur > 2 * kForOthers ? files.rlim_cur - kForOthers
                                                      : std::max<rlim_t>(files.rlim_cur / 2, 1);
  return static_cast<int>(std::min<rlim_t>(static_cast<rlim_t>(wanted), left));
}

/// Tells the starter that the socket listens, and the service when a client is gone.
class ServerEvents final : public at::server::TServerEventHandler {
 public:
  explicit ServerEvents(std::shared_ptr<CoordinatorService> service)
      : service_(std::move(service)) {}
  void preServe() override { ready_.set_value(); }
  /// On the thread that served the connection.
  void deleteContext(void*, std::shared_ptr<at::protocol::TProtocol>,
                     std::shared_ptr<at::protocol::TProtocol>) override {
    service_->connection_closed();
  }
  std::future<void> future() { return ready_.get_future(); }
  void failed(std::exception_ptr why) { ready_.set_exception(std::move(why)); }

 private:
  std::promise<void> ready_;
  const std::shared_ptr<CoordinatorService> service_;
};

class ThreadedServer final : public Server {
 public:
  ThreadedServer(const ServerOptions& options, Services services, ServerInfo info, Logger logger);
  ~ThreadedServer() override { stop(); }
  Status run();
  std::uint16_t port() const override { return port_; }
  void stop() override;

 private:
  std::shared_ptr<Dispatcher> make_dispatcher(Services services);
  const ServerOptions options_;
  const Logger logger_;
  std::stop_source stop_;
  std::shared_ptr<CoordinatorService> service_;
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<at::server::TThreadedServer> server_;
  std::uint16_t port_ = 0;
  std::mutex stop_mutex_;
  std::jthread acceptor_;  // guarded by stop_mutex_ once running
};

std::shared_ptr<Dispatcher> ThreadedServer::make_dispatcher(Services services) {
  const auto& logger = logger_;
  auto dispatcher = std::make_shared<Dispatcher>(logger);
  auto coordinator = std::make_shared<Exposed<v1::CoordinatorProcessorT<WireProtocol>>>(service_);
  dispatcher->add("Coordinator", coordinator);
  dispatcher->set_default(coordinator);
  if (services.admin != nullptr)
    dispatcher->add("Admin", std::make_shared<Exposed<v1::AdminProcessorT<WireProtocol>>>(
                                 std::make_shared<AdminService>(*services.admin, logger)));
  if (services.peer != nullptr)
    dispatcher->add("Peer", std::make_shared<Exposed<v1::PeerProcessorT<WireProtocol>>>(
                                std::make_shared<PeerService>(*services.peer, logger)));
  return dispatcher;
}

ThreadedServer::ThreadedServer(const ServerOptions& options, Services services, ServerInfo info,
                               Logger logger)
    : options_(options), logger_(std::move(logger)) {
  service_ = std::make_shared<CoordinatorService>(
      services.coordinator, std::move(info),
      WaitLimits{options.default_deadline, options.max_wait, options.answer_grace},
      stop_.get_token(), logger_);
  listener_ = std::make_shared<Listener>(options.host, options.port, stop_.get_token(), logger_);
  listener_->setRecvTimeout(milliseconds(options.idle_timeout));
  listener_->setSendTimeout(milliseconds(options.send_timeout));
  listener_->setKeepAlive(true);
  listener_->setAcceptCallback([](int fd) { tune_socket(fd); });
  const WireLimits limits{options.max_frame_bytes, options.max_string_bytes,
                          options.max_container_items};
  server_ = std::make_shared<at::server::TThreadedServer>(
      make_dispatcher(services), listener_, std::make_shared<TransportFactory>(limits),
      std::make_shared<at::protocol::TBinaryProtocolFactoryT<at::transport::TBufferBase>>(
          limits.string_bytes, limits.container_items, true, true));
  server_->setConcurrentClientLimit(affordable_connections(options.max_connections));
}

Status ThreadedServer::run() {
  const auto ready = std::make_shared<ServerEvents>(service_);
  auto listening = ready->future();
  server_->setServerEventHandler(ready);
  acceptor_ = std::jthread([server = server_, ready, logger = logger_] {
    try {
      server->serve();
    } catch (const std::exception& e) {
      logger.error("the server ended", {{"why", e.what()}});
      try {
        ready->failed(std::current_exception());
      } catch (const std::future_error&) {
        return;  // it had listened: the starter is gone
      }
    }
  });
  try {
    listening.get();
  } catch (const std::exception& e) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("cannot listen on {}:{}: {}", options_.host, options_.port, e.what()));
  }
  port_ = static_cast<std::uint16_t>(listener_->getPort());
  return {};
}

void ThreadedServer::stop() {
  std::lock_guard lock(stop_mutex_);
  if (!acceptor_.joinable()) return;
  stop_.request_stop();
  server_->stop();
  acceptor_.join();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Services services,
                                              ServerInfo info, Logger logger) {
  if (options.max_connections < 1)
    return fail(ErrorCode::kInvalidArgument, "max_connections must be at least 1");
  if (options.max_frame_bytes < 1024 || options.max_string_bytes < 1 ||
      options.max_container_items < 1)
    return fail(ErrorCode::kInvalidArgument, "the limits of the server are too small to work with");
  std::signal(SIGPIPE, SIG_IGN);
  route_thrift_output(logger);
  auto server =
      std::make_unique<ThreadedServer>(options, services, std::move(info), std::move(logger));
  TROTH_TRY(server->run());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace troth::thrift
