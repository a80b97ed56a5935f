#include "thrift/wire/loop_waker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace troth::thrift {

LoopWaker::LoopWaker() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

LoopWaker::~LoopWaker() {
  if (fd_ >= 0) ::close(fd_);
}

void LoopWaker::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(fd_, &one, sizeof one));  // full = it is awake already
}

void LoopWaker::drain() const {
  std::uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
}

bool LoopWaker::run_here() {
  if (taken_.exchange(true, std::memory_order_acquire)) return false;
  round_();
  release();
  return true;
}

void LoopWaker::take() {
  while (taken_.exchange(true, std::memory_order_acquire)) taken_.wait(true);
}

void LoopWaker::release() {
  taken_.store(false, std::memory_order_release);
  taken_.notify_one();
}

}  // namespace troth::thrift
