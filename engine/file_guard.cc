#include "engine/file_guard.h"

#include <chrono>

namespace troth {

namespace {
constexpr auto kEvery = std::chrono::seconds(1);
}

void FileGuard::start(std::vector<Look> looks, std::function<void(const std::string&)> changed) {
  // The first look defines what the files are, so it must come before the first promise.
  for (const auto& look : looks) static_cast<void>(look());
  thread_ = std::jthread([this, looks = std::move(looks), changed = std::move(changed)] {
    while (wait())
      for (const auto& look : looks)
        if (const auto wrong = look()) return changed(*wrong);
  });
}

void FileGuard::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

/// False: the guard ends.
bool FileGuard::wait() {
  const auto until = Condition::Clock::now() + kEvery;
  const MutexLock lock(mutex_);
  while (!stopping_)
    if (!wake_.wait_until(mutex_, until)) return !stopping_;
  return false;
}

}  // namespace troth
