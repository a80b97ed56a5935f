#include "http/server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "http/allowed_hosts.h"
#include "http/bounded_stream.h"
#include "http/connection_queue.h"
#include "http/gate.h"
#include "http/views.h"
#include "os/loopback.h"

namespace troth::http {

namespace {

// Each connection has a thread while it lasts: some that say nothing must not keep others out.
constexpr std::size_t kThreads = 32;
constexpr std::size_t kMostWaiting = 96;  // for a thread; Server::kMostConnections counts both
static_assert(kThreads + kMostWaiting == Server::kMostConnections);
constexpr int kRequestsPerConnection = 100;
constexpr auto kIdle = std::chrono::seconds(2);  // between two requests
// While others wait for a thread: from getting one to the first byte, and to the end of the head.
constexpr auto kCrowdedIdle = std::chrono::milliseconds(50);
constexpr auto kCrowdedHead = std::chrono::milliseconds(250);
constexpr auto kHandshake = std::chrono::seconds(5);  // of TLS, as on the Thrift port
constexpr std::size_t kMaxBody = 1 << 20;
constexpr auto kBodyTime = std::chrono::seconds(10);  // for all of it, however slowly it drips

/// Who calls on the connection that this thread serves: httplib's handlers see the request alone.
const protocol::Principal*& caller_of_this_thread() {
  thread_local const protocol::Principal* caller = &protocol::Principal::anyone();
  return caller;
}

/// cpp-httplib's server on connections with limits.
class BoundedServer final : public httplib::Server {
 public:
  void set_credentials(std::shared_ptr<const tls::CredentialStore> credentials, Logger logger) {
    credentials_ = std::move(credentials);
    logger_ = std::move(logger);
  }
  BoundedServer() {
    new_task_queue = [crowd = crowd_] {
      return new ConnectionQueue(kThreads, kMostWaiting, crowd);
    };
  }
  std::uint64_t turned_away() const { return crowd_->turned_away; }
  void set_hosts(AllowedHosts hosts) { hosts_ = std::move(hosts); }
  bool is_for_us(const httplib::Request& request) const {
    return hosts_.allows(request.get_header_value("Host"));
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (ConnectionQueue::turns_away()) return turn_away(socket);
    BoundedStream stream(socket, {}, credentials_ ? credentials_->current() : nullptr);
    bool goes_on = begin(stream);
    caller_of_this_thread() = &stream.principal();
    for (int left = kRequestsPerConnection; goes_on && left > 0; --left) {
      goes_on = await_request(stream);
      if (!goes_on) break;
      stream.begin_request(crowded() ? kCrowdedHead : RequestLimits().head_time);
      bool closed = false, foreign = false;
      // What a foreign request has left unread must not be taken for the next one.
      const std::function<void(httplib::Request&)> look = [&](httplib::Request& request) {
        foreign = !is_for_us(request);
        request.ranges.clear();  // httplib would build the body once for each range
      };
      goes_on = process_request(stream, left == 1, closed, look) && !closed && !foreign &&
                !stream.failed();
    }
    caller_of_this_thread() = &protocol::Principal::anyone();
    stream.say_goodbye();
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return goes_on;
  }
  bool begin(BoundedStream& stream) const {
    const auto trouble =
        stream.shake_hands(crowded() ? Duration(kCrowdedHead) : Duration(kHandshake));
    if (!trouble) return true;
    std::string from;
    int port = 0;
    stream.get_remote_ip_and_port(from, port);
    logger_.warn("HTTP connection refused", {{"from", from}, {"why", *trouble}});
    return false;
  }
  bool await_request(BoundedStream& stream) const {
    for (Duration waited{0}; waited < (crowded() ? kCrowdedIdle : Duration(kIdle)) && is_running();
         waited += kCrowdedIdle)
      if (stream.await_request(kCrowdedIdle)) return true;
    return false;
  }
  bool crowded() const { return crowd_->waiting > 0; }
  bool turn_away(socket_t socket) const {
    constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (!credentials_)
      static_cast<void>(::send(socket, kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return false;
  }

  const std::shared_ptr<Crowd> crowd_ = std::make_shared<Crowd>();
  AllowedHosts hosts_{""};
  std::shared_ptr<const tls::CredentialStore> credentials_;  // null: plain HTTP
  Logger logger_;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(const protocol::Policy& policy, Logger logger)
      : logger_(std::move(logger)), views_(policy) {}
  ~ServerImpl() override { ServerImpl::stop(); }

  Status open(const ServerOptions& options) {
    TROTH_TRY(set_token_file(options.token_file));
    // Not httplib's default, SO_REUSEPORT: a second daemon would quietly share the port.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    views_.set_turned_away([this] { return server_.turned_away(); });
    server_.set_payload_max_length(kMaxBody);
    server_.set_hosts(AllowedHosts(options.allowed_hosts));
    server_.set_credentials(options.credentials, logger_);
    credentials_ = options.credentials;
    server_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          if (server_.is_for_us(request)) return httplib::Server::HandlerResponse::Unhandled;
          send(problem(421,
                       {ErrorCode::kInvalidArgument,
                        "this port is not called by the name in the Host header"},
                       "an address, localhost, or the setting http-allowed-hosts"),
               response);
          return httplib::Server::HandlerResponse::Handled;
        });
    server_.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                                 {"Referrer-Policy", "no-referrer"},
                                 {"Cache-Control", "no-cache"},
                                 {"Content-Security-Policy", "default-src 'none'"}});
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::map<std::string, std::string> query(request.params.begin(), request.params.end());
      const auto by = principal_of(request);
      const bool shows_token = gate_.is_shown(request.get_header_value("Authorization"));
      // What a caller with an identity may read is the policy's to say.
      send(views_.get(request.path, query, {by, shows_token || by.has_identity()}), response);
    });
    server_.Post(
        ".*", [this](const httplib::Request& request, httplib::Response& response,
                     const httplib::ContentReader& body) { send(post(request, body), response); });
    // httplib would read a body of any size before it refuses it.
    const auto refused = [](const httplib::Request& request, httplib::Response& response,
                            const httplib::ContentReader& body) {
      static_cast<void>(read(request, body));
      send(wrong_method(), response);
    };
    server_.Put(".*", refused).Patch(".*", refused).Delete(".*", refused);
    server_.set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
          logger_.error("an HTTP request failed");
          response.status = 500;
        });
    errno = 0;
    const bool bound = options.port == 0 ? (port_ = server_.bind_to_any_port(options.host)) > 0
                                         : server_.bind_to_port(options.host, port_ = options.port);
    if (!bound)
      return fail(ErrorCode::kUnavailable,
                  fmt::format("cannot listen on {}:{} for http: {}", options.host, options.port,
                              errno == 0 ? "this host has no such address" : std::strerror(errno)));
    thread_ = std::jthread([this] {
      server_.listen_after_bind();
      left_ = true;
    });
    return {};
  }

  std::uint16_t port() const override { return static_cast<std::uint16_t>(port_); }
  void serve(protocol::AdminPort& admin, protocol::CoordinatorPort* coordinator) override {
    views_.serve(admin, coordinator);
  }
  Status set_token_file(const std::string& path) override {
    std::string token;
    if (!path.empty()) {
      TROTH_ASSIGN_OR_RETURN(token, read_token(path));
    }
    gate_.set_token(std::move(token));
    return {};
  }
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
  static void send(Reply reply, httplib::Response& response) {
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    response.set_content(std::move(reply.body), reply.type);
  }

  /// The holder of the certificate; over TLS also the holder of the token, and on loopback who
  /// scrapes. Without TLS the policy permits everything to everybody, and the token is asked for
  /// changes (http/gate.h).
  protocol::Principal principal_of(const httplib::Request& request) const {
    using Role = protocol::PrincipalRole;
    const auto& caller = *caller_of_this_thread();
    if (!credentials_ || caller.has_identity()) return caller;
    const auto& cluster = credentials_->current()->cluster();
    if (gate_.is_shown(request.get_header_value("Authorization")))
      return {cluster,
              protocol::Roles(Role::kApp) | Role::kObserver | Role::kSql | Role::kAuditor |
                  Role::kScraper | Role::kOperator | Role::kResolver,
              "http-token"};
    if (request.path == "/metrics" && is_loopback(request.remote_addr))
      return {cluster, Role::kScraper, "loopback"};
    return caller;
  }
  std::optional<Reply> refuse(const httplib::Request& request) const {
    const auto type = request.get_header_value("Content-Type");
    if (caller_of_this_thread()->has_identity()) return Gate::refuse(type);
    return gate_.refuse(request.get_header_value("Authorization"), type);
  }

  static Reply wrong_method() {
    auto reply = problem(405, {ErrorCode::kUnsupported, "only GET and POST are answered here"});
    reply.headers.emplace("Allow", "GET, POST");
    return reply;
  }

  /// The status says what was wrong.
  static tl::expected<std::string, int> read(const httplib::Request& request,
                                             const httplib::ContentReader& body) {
    if (request.get_header_value_count("Content-Length") > 1) return tl::unexpected(400);
    if (request.get_header_value<std::uint64_t>("Content-Length") > kMaxBody)
      return tl::unexpected(413);
    const auto until = std::chrono::steady_clock::now() + kBodyTime;
    std::string out;
    int problem = 400;
    const auto take = [&](const char* bytes, std::size_t size) {
      if (size > kMaxBody - out.size()) problem = 413;
      if (std::chrono::steady_clock::now() > until) problem = 408;
      if (problem != 400) return false;
      out.append(bytes, size);
      return true;
    };
    if (body(take)) return out;
    return tl::unexpected(problem);
  }

  Reply post(const httplib::Request& request, const httplib::ContentReader& body) {
    const auto text = read(request, body);
    if (auto refusal = refuse(request)) {
      if (refusal->status == 401)
        logger_.warn("an HTTP request with a wrong token was refused",
                     {{"from", request.remote_addr}, {"path", request.path}});
      return *refusal;
    }
    if (!text)
      return problem(text.error(), {ErrorCode::kInvalidArgument,
                                    text.error() == 413   ? "the body is larger than 1 MiB"
                                    : text.error() == 408 ? "the body did not arrive in 10 s"
                                                          : "the body did not arrive"});
    return views_.post(
        request.path, *text,
        {principal_of(request), request.remote_addr, request.get_header_value("traceparent")});
  }

  Logger logger_;
  Gate gate_;
  Views views_;
  BoundedServer server_;
  std::shared_ptr<const tls::CredentialStore> credentials_;  // null: plain HTTP
  int port_ = 0;
  std::atomic<bool> left_{false};
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Logger logger) {
  auto server = std::make_unique<ServerImpl>(options.policy, std::move(logger));
  TROTH_TRY(server->open(options));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace troth::http
