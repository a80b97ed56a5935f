// The log a careful user would write for an external coordinator: preallocated, forced once for
// everybody who waits.
#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "bench/peers/peer.h"

namespace troth::peers {

struct DecisionLog::State {
  std::mutex mutex;
  std::condition_variable forced;
  std::string pending;
  std::uint64_t appended = 0, durable = 0;
  bool forcing = false;
  int fd = -1;
  off_t offset = 0;
};

DecisionLog::DecisionLog(const std::string& path) : state_(std::make_unique<State>()) {
  state_->fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  constexpr off_t kSize = off_t{256} << 20;
  if (state_->fd < 0 || ::posix_fallocate(state_->fd, 0, kSize) != 0 || ::fsync(state_->fd) != 0)
    throw std::runtime_error("cannot make the decision log " + path);
}

DecisionLog::~DecisionLog() {
  ::close(state_->fd);
}

void DecisionLog::append(const std::string& gtid) {
  auto& s = *state_;
  std::unique_lock lock(s.mutex);
  s.pending += gtid + '\n';
  const auto mine = ++s.appended;
  while (s.durable < mine) {
    if (s.forcing) {
      s.forced.wait(lock);
      continue;
    }
    s.forcing = true;
    const auto group = std::move(s.pending);
    s.pending.clear();
    const auto last = s.appended;
    lock.unlock();
    const bool good = ::pwrite(s.fd, group.data(), group.size(), s.offset) ==
                          static_cast<ssize_t>(group.size()) &&
                      ::fdatasync(s.fd) == 0;
    lock.lock();
    if (!good) throw std::runtime_error("the decision log failed");
    s.offset += static_cast<off_t>(group.size());
    s.durable = last;
    s.forcing = false;
    s.forced.notify_all();
  }
}

}  // namespace troth::peers
