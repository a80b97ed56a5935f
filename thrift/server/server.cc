#include "thrift/server/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <stop_token>

#include "os/mutex.h"
#include "thrift/server/admin_service.h"
#include "thrift/server/coordinator_service.h"
#include "thrift/server/dispatcher.h"
#include "thrift/server/peer_service.h"
#include "thrift/server/submit_calls.h"
#include "thrift/wire/blocking_connections.h"
#include "thrift/wire/frame_loop.h"

namespace troth::thrift {

namespace {

/// At most `wanted` connections, fewer if the process may not open so many files. The other
/// descriptors are for the HTTP port, the log, the database, and links, which have two each.
int affordable_connections(int wanted) {
  constexpr rlim_t kForOthers = 512;
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

WireLimits limits_of(const ServerOptions& options) {
  return {options.max_frame_bytes, options.max_string_bytes, options.max_container_items};
}

class PortServer final : public Server, public FrameHandler {
 public:
  PortServer(const ServerOptions& options, Services services, ServerInfo info, Logger logger);
  ~PortServer() override { stop(); }
  Status run();
  std::uint16_t port() const override { return loop_->port(); }
  void stop() override;
  // The loop looks at its own connections by itself.
  void recheck() override { threads_->cut_unwelcome(); }

 private:
  std::shared_ptr<Dispatcher> make_dispatcher(protocol::Principal by);

  // FrameHandler
  FrameVerdict on_frame(std::uint64_t connection, const protocol::Principal& by,
                        std::string_view frame) override {
    return submits_->on_frame(connection, by, frame);
  }
  void hand_over(std::unique_ptr<Stream> stream, std::string unread) override {
    threads_->serve(std::move(stream), std::move(unread));
  }
  std::size_t elsewhere() const override { return threads_->size(); }
  bool close_idlest(std::optional<Clock::time_point> before) override {
    return threads_->cut_idlest(before);
  }
  void on_round() override { submits_->answer_ready(*loop_); }
  void after_round() override { submits_->settle(); }
  std::optional<Clock::time_point> next_wake() const override { return submits_->next_wake(); }
  void on_stop() override { submits_->give_up(*loop_); }

  const Logger logger_;
  std::stop_source stop_;
  std::optional<access::GuardedCoordinator> coordinator_;
  std::optional<access::GuardedAdmin> admin_;
  std::optional<access::GuardedPeer> peer_;
  std::unique_ptr<const CoordinatorAccess> access_;
  std::unique_ptr<BlockingConnections> threads_;
  std::unique_ptr<SubmitCalls> submits_;
  std::unique_ptr<FrameLoop> loop_;
  Mutex stop_mutex_;
  bool stopped_ TROTH_GUARDED_BY(stop_mutex_) = false;
  std::atomic<std::uint64_t> connections_ = 0;
};

/// What serves one connection.
std::shared_ptr<Dispatcher> PortServer::make_dispatcher(protocol::Principal by) {
  by.connection = ++connections_;
  auto dispatcher = std::make_shared<Dispatcher>(logger_);
  auto coordinator = std::make_shared<Exposed<v1::CoordinatorProcessorT<WireProtocol>>>(
      std::make_shared<CoordinatorService>(*access_, by));
  dispatcher->add("Coordinator", coordinator);
  dispatcher->set_default(coordinator);
  if (admin_)
    dispatcher->add("Admin", std::make_shared<Exposed<v1::AdminProcessorT<WireProtocol>>>(
                                 std::make_shared<AdminService>(*admin_, by, logger_)));
  if (peer_)
    dispatcher->add("Peer", std::make_shared<Exposed<v1::PeerProcessorT<WireProtocol>>>(
                                std::make_shared<PeerService>(*peer_, by, logger_)));
  return dispatcher;
}

PortServer::PortServer(const ServerOptions& options, Services services, ServerInfo info,
                       Logger logger)
    : logger_(std::move(logger)) {
  if (services.coordinator != nullptr) coordinator_.emplace(services.policy, *services.coordinator);
  if (services.admin != nullptr) admin_.emplace(services.policy, *services.admin);
  if (services.peer != nullptr) peer_.emplace(services.policy, *services.peer);
  access_ = std::make_unique<const CoordinatorAccess>(CoordinatorAccess{
      services.policy, coordinator_ ? &*coordinator_ : nullptr, std::move(info),
      WaitLimits{options.default_deadline, options.max_wait, options.answer_grace},
      stop_.get_token(), logger_});
  const auto waker = std::make_shared<LoopWaker>();
  threads_ = std::make_unique<BlockingConnections>(
      BlockingOptions{limits_of(options), options.idle_timeout, options.send_timeout,
                      options.frames_in_progress_bytes},
      [this](const protocol::Principal& by) { return make_dispatcher(by); },
      [this] {
        if (peer_) peer_->settle();
      },
      [waker] { waker->wake(); },  // there is room for another one
      logger_);
  submits_ = std::make_unique<SubmitCalls>(*access_, limits_of(options), waker, logger_);
  loop_ = std::make_unique<FrameLoop>(
      FrameLoopOptions{options.host, options.port,
                       static_cast<std::size_t>(affordable_connections(options.max_connections)),
                       options.idle_timeout, options.send_timeout, options.first_frame_timeout,
                       options.frame_timeout, static_cast<std::size_t>(options.max_frame_bytes),
                       options.frames_in_progress_bytes, options.credentials, options.handshakes},
      *this, waker, logger_);
}

Status PortServer::run() {
  TROTH_TRY(loop_->listen());
  loop_->start();
  return {};
}

void PortServer::stop() {
  const MutexLock lock(stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  stop_.request_stop();
  loop_->stop();
  threads_->stop();
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
  auto server = std::make_unique<PortServer>(options, services, std::move(info), std::move(logger));
  TROTH_TRY(server->run());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace troth::thrift
