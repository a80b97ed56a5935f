#include "thrift/wire/frame_loop.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "thrift/wire/dial.h"

namespace troth::thrift {

namespace {

constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kWaker = 1;
constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kLengthBytes = 4;
/// What a client sends ahead while its call is under way stays in the kernel beyond this.
constexpr std::size_t kReadAhead = std::size_t{256} << 10;
/// Longer frames are served by a thread of their own, once they are whole.
constexpr std::size_t kLargestFrame = std::size_t{64} << 10;
constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;
constexpr auto kPauseWithoutDescriptors = std::chrono::milliseconds(50);
constexpr auto kPauseBetweenComplaints = std::chrono::seconds(10);
constexpr auto kLongestSweep = std::chrono::seconds(1);

FrameHandler::Clock::duration clock_duration(Duration d) {
  return std::chrono::duration_cast<FrameHandler::Clock::duration>(d);
}

std::uint32_t length_of(std::string_view bytes) {
  std::uint32_t big_endian = 0;
  std::memcpy(&big_endian, bytes.data(), sizeof big_endian);
  return ntohl(big_endian);
}

void release_capacity(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) buffer.shrink_to_fit();
}

/// A listening socket at one address, or -1 with errno set.
int listen_at(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  if (::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, 1024) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return bound.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port)
                                     : ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

FrameLoop::FrameLoop(FrameLoopOptions options, FrameHandler& handler,
                     std::shared_ptr<LoopWaker> waker, Logger logger)
    : options_(std::move(options)),
      handler_(handler),
      waker_(std::move(waker)),
      logger_(std::move(logger)),
      in_progress_(options_.frames_in_progress_bytes),
      handshakes_(options_.credentials, options_.handshakes, logger_) {}

FrameLoop::~FrameLoop() {
  stop();
  for (const int fd : {listener_, epoll_})
    if (fd >= 0) ::close(fd);
}

Status FrameLoop::listen() {
  const auto failed = [&](const char* why) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("cannot listen on {}:{}: {}", options_.host, options_.port, why));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int resolved = ::getaddrinfo(options_.host.empty() ? nullptr : options_.host.c_str(),
                                     std::to_string(options_.port).c_str(), &hints, &found);
  if (resolved != 0) return failed(::gai_strerror(resolved));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = found; at != nullptr && listener_ < 0; at = at->ai_next) {
    listener_ = listen_at(*at);
    if (listener_ < 0) error = errno;
  }
  if (listener_ < 0) return failed(std::strerror(error));
  port_ = port_of(listener_);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0 || waker_->fd() < 0) return failed(std::strerror(errno));
  epoll_event event{EPOLLIN, {.u64 = kWaker}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, waker_->fd(), &event) != 0)
    return failed(std::strerror(errno));
  listen_for_more(true);
  return {};
}

void FrameLoop::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void FrameLoop::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  waker_->wake();
  thread_.join();
}

void FrameLoop::run(const std::stop_token& stop) {
  now_ = Clock::now();
  next_sweep_ = now_;
  waker_->set_round([this] { round_here(); });
  while (!stop.stop_requested()) {
    const int limit = wait_ms();
    wakes_at_ = Clock::now() + std::chrono::milliseconds(limit);
    waker_->release();
    const int n = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), limit);
    waker_->take();
    now_ = Clock::now();
    look_at(n);
    handler_.on_round();
    if (now_ >= next_sweep_) close_silent();
    listen_for_more(!listen_again_ || *listen_again_ <= now_);
    waker_->release();
    handler_.after_round();
    waker_->take();
  }
  handler_.on_stop();
  while (!connections_.empty()) close(connections_.begin());
}

void FrameLoop::look_at(int events) {
  for (int i = 0; i < events; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    if (event.data.u64 == kListener) {
      accept_all();
    } else if (event.data.u64 == kWaker) {
      waker_->drain();
    } else {
      if ((event.events & EPOLLOUT) != 0) flush(event.data.u64);
      if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(event.data.u64);
    }
  }
}

// On another thread while this one waits for events.
void FrameLoop::round_here() {
  now_ = Clock::now();
  handler_.on_round();
  handler_.after_round();  // what a client had sent ahead
  if (const auto next = handler_.next_wake(); next && *next < wakes_at_) waker_->wake();
}

int FrameLoop::wait_ms() const {
  auto until = next_sweep_;
  if (listen_again_) until = std::min(until, *listen_again_);
  if (const auto wake = handler_.next_wake()) until = std::min(until, *wake);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000));
}

void FrameLoop::listen_for_more(bool on) {
  if (on == listening_) return;
  listening_ = on;
  if (on) listen_again_.reset();
  epoll_event event{EPOLLIN, {.u64 = kListener}};
  ::epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_, &event);
}

void FrameLoop::accept_all() {
  for (;;) {
    const bool full = connections_.size() + handler_.elsewhere() >= options_.max_connections;
    if (full && !somebody_waits()) return;
    if (full && !make_room()) {
      listen_for_more(false);  // every connection is at work: the next ones wait in the kernel
      listen_again_ = now_ + kPauseWithoutDescriptors;
      return;
    }
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (now_ >= complain_again_) {
        logger_.warn("cannot accept connections; it is tried again until it works",
                     {{"why", std::strerror(errno)}});
        complain_again_ = now_ + kPauseBetweenComplaints;
      }
      if (!somebody_waits()) return;   // the kernel looks for a descriptor first
      static_cast<void>(make_room());  // its descriptor is free at once, or soon
      listen_for_more(false);
      listen_again_ = now_ + kPauseWithoutDescriptors;
      return;
    }
    tune_socket(fd);
    const auto id = ++last_id_;
    Connection connection;
    connection.stream = handshakes_.welcome(id, fd, now_);
    connection.active = connection.began = now_;
    epoll_event event{EPOLLIN, {.u64 = id}};
    connection.interest = EPOLLIN;
    const auto at = connections_.emplace(id, std::move(connection)).first;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) close(at);
    end_late_handshakes();
  }
}

void FrameLoop::read(std::uint64_t id) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  auto& connection = at->second;
  if (connection.ended) return close(at);  // reset: the client does not read the answer
  std::array<std::uint8_t, kReadBytes> buffer;
  const auto came = connection.stream->read(buffer);
  handshakes_.seen(id, *connection.stream);
  if (came.kind == IoResult::Kind::kWouldBlock) return;
  if (came.kind == IoResult::Kind::kFailed) {
    handshakes_.refused(*connection.stream);
    return close(at);
  }
  connection.active = now_;
  if (came.kind == IoResult::Kind::kEnded) connection.ended = true;
  connection.in.append(reinterpret_cast<const char*>(buffer.data()), came.bytes);
  look_at_frames(id);
}

void FrameLoop::look_at_frames(std::uint64_t id) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  auto& connection = at->second;
  while (true) {
    if (connection.busy || !connection.out.empty() || connection.in.size() < kLengthBytes) break;
    const auto length = length_of(connection.in);
    if (length == 0 || length > options_.max_frame_bytes) return give_away(at);  // and refused
    if (connection.in.size() < kLengthBytes + length) break;
    connection.known = true;
    if (length > kLargestFrame) return give_away(at);
    connection.busy = true;
    const auto verdict =
        handler_.on_frame(id, connection.stream->principal(),
                          std::string_view(connection.in).substr(kLengthBytes, length));
    if (verdict == FrameVerdict::kHandOver) return give_away(at);
    if (verdict == FrameVerdict::kClose) return close(at);
    if (connection.in.size() == kLengthBytes + length)
      release_capacity(connection.in);
    else
      connection.in.erase(0, kLengthBytes + length);
  }
  note_progress(id, connection);
  settle(at);
  while (const auto slowest = in_progress_.gives_way()) {
    warn_rarely("connection closed: too much of unfinished frames is in memory");
    drop(*slowest);
  }
}

// A frame that is not whole has a beginning, and counts against the budget of all.
void FrameLoop::note_progress(std::uint64_t id, Connection& connection) {
  const bool unfinished = !connection.busy && !connection.in.empty();
  if (unfinished && in_progress_.of(id) == 0 && connection.known) connection.began = now_;
  in_progress_.set(id, unfinished ? connection.in.size() : 0);
}

// The next one waits to be accepted, and there is no place or descriptor for it: closes the idle
// connection that is worth least. First those that had time to send a frame and sent none, and the
// eldest of the others that sent none yet if they are many; then the one that has been silent for
// longest, wherever it is served. False: every connection has a call under way, or is new.
bool FrameLoop::make_room() {
  constexpr auto kTimeForFrame = std::chrono::seconds(1);
  const std::size_t many = std::max<std::size_t>(options_.max_connections / 8, 1);
  auto stranger = connections_.end(), silent = connections_.end();
  std::size_t strangers = 0;
  for (auto at = connections_.begin(); at != connections_.end(); ++at) {
    const auto& candidate = at->second;
    if (candidate.busy || !candidate.out.empty()) continue;
    if (candidate.known) {
      if (silent == connections_.end() || candidate.active < silent->second.active) silent = at;
      continue;
    }
    ++strangers;
    if (stranger == connections_.end() || candidate.began < stranger->second.began) stranger = at;
  }
  const bool strangers_first =
      strangers > many || (strangers > 0 && now_ - stranger->second.began >= kTimeForFrame);
  const auto victim = strangers_first ? stranger : silent;
  const bool here = victim != connections_.end();
  const auto before = here ? std::optional(victim->second.active) : std::nullopt;
  const bool cut_elsewhere = !strangers_first && handler_.close_idlest(before);
  if (!cut_elsewhere && !here) return false;
  warn_rarely("idle connection closed to make room: all places are taken");
  if (!cut_elsewhere) close(victim);
  return true;
}

bool FrameLoop::somebody_waits() const {
  pollfd state{listener_, POLLIN, 0};
  return ::poll(&state, 1, 0) == 1;
}

void FrameLoop::warn_rarely(const char* what) {
  constexpr auto kPause = std::chrono::seconds(10);
  ++gave_way_.count;
  if (gave_way_.warned != Clock::time_point{} && now_ - gave_way_.warned < kPause) return;
  gave_way_.warned = now_;
  logger_.warn("connections have to wait or to give way",
               {{"why", what},
                {"connections", connections_.size() + handler_.elsewhere()},
                {"since_start", gave_way_.count}});
}

void FrameLoop::give_away(Connections::iterator at) {
  auto stream = std::move(at->second.stream);
  auto unread = std::move(at->second.in);
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, stream->fd(), nullptr);
  in_progress_.set(at->first, 0);
  connections_.erase(at);
  handler_.hand_over(std::move(stream), std::move(unread));
}

void FrameLoop::reply(std::uint64_t id, std::string_view framed) {
  const auto at = connections_.find(id);
  if (at == connections_.end()) return;
  auto& connection = at->second;
  connection.busy = false;
  connection.active = now_;
  const auto sent = connection.stream->write(framed);
  if (sent.kind == IoResult::Kind::kFailed) return close(at);
  if (sent.bytes < framed.size()) connection.out.assign(framed.substr(sent.bytes));
  look_at_frames(id);  // what the client sent ahead
}

bool FrameLoop::send_out(Connection& connection) {
  const auto sent = connection.stream->write(connection.out);
  if (sent.kind != IoResult::Kind::kDone) return sent.kind == IoResult::Kind::kWouldBlock;
  connection.active = now_;
  connection.out.erase(0, sent.bytes);
  if (connection.out.empty()) release_capacity(connection.out);
  return true;
}

void FrameLoop::flush(std::uint64_t id) {
  const auto at = connections_.find(id);
  if (at == connections_.end() || at->second.out.empty()) return;
  if (!send_out(at->second)) return close(at);
  look_at_frames(id);
}

// Tells epoll what the connection waits for now, and closes a connection that waits for nothing.
void FrameLoop::settle(Connections::iterator at) {
  auto& connection = at->second;
  if (connection.ended && !connection.busy && connection.out.empty()) return close(at);
  std::uint32_t events = 0;
  const bool ahead = connection.busy || !connection.out.empty();
  if (!connection.ended && (!ahead || connection.in.size() < kReadAhead)) events |= EPOLLIN;
  if (!connection.out.empty()) events |= EPOLLOUT;
  want(at->first, connection, events);
}

void FrameLoop::want(std::uint64_t id, Connection& connection, std::uint32_t events) {
  if (events == connection.interest) return;
  connection.interest = events;
  epoll_event event{events, {.u64 = id}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.stream->fd(), &event);
}

void FrameLoop::close(Connections::iterator at) {
  in_progress_.set(at->first, 0);
  handshakes_.gone(at->first);
  connections_.erase(at);
}

void FrameLoop::end_late_handshakes() {
  while (const auto late = handshakes_.gives_way(now_)) {
    warn_rarely("connection closed: no end of its TLS handshake in time, or too many at once");
    drop(*late);
  }
}

void FrameLoop::drop_unwelcome() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto next = std::next(at);
    const auto why = at->second.stream->is_ready() ? at->second.stream->no_longer_welcome() : "";
    if (!why.empty()) {
      logger_.warn("connection closed", {{"why", why}});
      close(at);
    }
    at = next;
  }
}

void FrameLoop::drop(std::uint64_t id) {
  if (const auto at = connections_.find(id); at != connections_.end()) close(at);
}

void FrameLoop::close_silent() {
  const auto idle = clock_duration(options_.idle_timeout);
  const auto deaf = clock_duration(options_.send_timeout);
  next_sweep_ = now_ + std::clamp<Clock::duration>(std::min(idle, deaf) / 4,
                                                   std::chrono::milliseconds(1), kLongestSweep);
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto& connection = at->second;
    const auto silent = now_ - connection.active;
    const auto since = now_ - connection.began;
    const bool slow = !connection.known ? since > clock_duration(options_.first_frame_timeout)
                                        : !connection.in.empty() &&
                                              since > clock_duration(options_.frame_timeout);
    const bool gone =
        !connection.out.empty() ? silent > deaf : !connection.busy && (slow || silent > idle);
    const auto next = std::next(at);
    if (gone) close(at);
    at = next;
  }
  end_late_handshakes();
  if (handshakes_.recheck_due(now_)) drop_unwelcome();
}

}  // namespace troth::thrift
