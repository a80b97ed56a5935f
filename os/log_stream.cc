#include "os/log_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

namespace troth {

LogStream::LogStream(int fd, std::function<std::string(std::uint64_t)> tell_dropped)
    : tell_dropped_(std::move(tell_dropped)), fd_(fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return;
  socket_ = S_ISSOCK(found.st_mode);
  if (!S_ISFIFO(found.st_mode) && !S_ISCHR(found.st_mode)) return;  // a file takes everything
  const auto path = fmt::format("/proc/self/fd/{}", fd);
  const int own = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  own_fd_ = own >= 0;
  if (own_fd_)
    fd_ = own;
  else
    may_block_ = true;
}

LogStream::~LogStream() {
  flush(200);
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (drainer_.joinable()) drainer_.join();
  if (own_fd_) ::close(fd_);
}

bool LogStream::becomes_writable(int milliseconds) const {
  pollfd waiting{fd_, POLLOUT, 0};
  return ::poll(&waiting, 1, milliseconds) > 0;
}

std::size_t LogStream::write_some(std::string_view bytes) const {
  // A pipe that is writable takes this much without waiting.
  if (may_block_) {
    if (!becomes_writable(0)) return 0;
    bytes = bytes.substr(0, PIPE_BUF);
  }
  while (true) {
    const auto written = socket_
                             ? ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                             : ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    return bytes.size();  // no process will read it, or the disk is full: nothing can be reported
  }
}

void LogStream::write(std::string_view line) {
  const MutexLock lock(mutex_);
  if (backlog_.empty()) {
    line.remove_prefix(std::min(write_some(line), line.size()));
    if (line.empty()) return;
  }
  if (backlog_bytes_ + line.size() > kBacklogBytes && !backlog_.empty()) {
    ++untold_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  backlog_.emplace_back(line);
  backlog_bytes_ += line.size();
  changed_.notify_all();
  if (drainer_.joinable() || stopping_) return;
  try {
    drainer_ = std::jthread([this] { run(); });
  } catch (const std::system_error&) {  // no thread is left: the next line tries again
  }
}

void LogStream::drain() {
  while (!backlog_.empty()) {
    auto& first = backlog_.front();
    const auto taken = std::min(write_some(first), first.size());
    backlog_bytes_ -= taken;
    first.erase(0, taken);
    if (!first.empty()) return;
    backlog_.pop_front();
    if (!backlog_.empty() || untold_ == 0) continue;
    auto told = tell_dropped_(std::exchange(untold_, 0));
    backlog_bytes_ += told.size();
    backlog_.push_back(std::move(told));
  }
  changed_.notify_all();
}

void LogStream::run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (backlog_.empty()) {
      changed_.wait(mutex_);
      continue;
    }
    lock.unlock();
    // Short, so that a stop is seen soon: the reader may never come back.
    const bool writable = becomes_writable(50);
    lock.lock();
    if (writable) drain();
  }
}

void LogStream::flush(int milliseconds) {
  const MutexLock lock(mutex_);
  drain();
  const auto until = Condition::Clock::now() + std::chrono::milliseconds(milliseconds);
  while (!backlog_.empty() && changed_.wait_until(mutex_, until)) {
  }
}

}  // namespace troth
