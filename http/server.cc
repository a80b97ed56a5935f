#include "http/server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <thread>

#include "http/views.h"

namespace troth::http {

namespace {

// Each connection has a thread while it lasts: some that say nothing must not keep others out.
constexpr std::size_t kThreads = 32;
constexpr time_t kSilence = 2;          // seconds
constexpr std::size_t kMaxBody = 1024;  // nothing here takes a body

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(Logger logger) : logger_(std::move(logger)) {}
  ~ServerImpl() override { ServerImpl::stop(); }

  Status open(const ServerOptions& options) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // Not httplib's default, SO_REUSEPORT: a second daemon would quietly share the port.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.set_payload_max_length(kMaxBody);
    server_.set_keep_alive_max_count(100);
    server_.set_keep_alive_timeout(5);
    server_.set_read_timeout(kSilence);
    server_.set_write_timeout(kSilence);
    server_.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                                 {"Referrer-Policy", "no-referrer"},
                                 {"Cache-Control", "no-cache"},
                                 {"Content-Security-Policy", "default-src 'none'"}});
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    });
    server_.set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          logger_.error("an HTTP request failed");
          response.status = 500;
        });
    const bool bound = options.port == 0 ? (port_ = server_.bind_to_any_port(options.host)) > 0
                                         : server_.bind_to_port(options.host, port_ = options.port);
    if (!bound)
      return fail(ErrorCode::kIo,
                  fmt::format("cannot bind http to {}:{}", options.host, options.port));
    thread_ = std::jthread([this] {
      server_.listen_after_bind();
      left_ = true;
    });
    return {};
  }

  std::uint16_t port() const override { return static_cast<std::uint16_t>(port_); }
  void serve(protocol::AdminPort& admin) override { views_.serve(admin); }
  void not_ready(std::string reason) override { views_.not_ready(std::move(reason)); }

  void stop() override {
    if (!thread_.joinable()) return;
    views_.stop_serving();
    // httplib forgets a stop() that comes before its loop runs.
    while (!server_.is_running() && !left_) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    std::map<std::string, std::string> query(request.params.begin(), request.params.end());
    auto reply = views_.get(request.path, query);
    response.status = reply.status;
    response.set_content(std::move(reply.body), reply.type);
  }

  Logger logger_;
  Views views_;
  httplib::Server server_;
  int port_ = 0;
  std::atomic<bool> left_{false};
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Logger logger) {
  auto server = std::make_unique<ServerImpl>(std::move(logger));
  TROTH_TRY(server->open(options));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace troth::http
