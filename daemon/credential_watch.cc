#include "daemon/credential_watch.h"

#include <chrono>
#include <utility>

#include "tls/certificate.h"

namespace troth::daemon {

CredentialWatch::CredentialWatch(std::shared_ptr<tls::CredentialStore> credentials,
                                 std::function<void()> recheck, Logger logger)
    : credentials_(std::move(credentials)),
      recheck_(std::move(recheck)),
      logger_(std::move(logger)),
      thread_([this] { run(); }) {}

void CredentialWatch::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void CredentialWatch::run() {
  constexpr auto kLook = std::chrono::seconds(1);
  constexpr int kLooksToRecheck = 60;
  int looks = 0;
  MutexLock lock(mutex_);
  while (!stopped_) {
    const auto until = Condition::Clock::now() + kLook;
    while (!stopped_ && wake_.wait_until(mutex_, until)) {
    }
    if (stopped_) break;
    lock.unlock();
    if (const auto loaded = credentials_->reload_if_changed()) {
      report(*loaded);
    } else if (++looks % kLooksToRecheck == 0) {
      recheck_();
    }
    lock.lock();
  }
}

void CredentialWatch::reload() {
  report(credentials_->reload());
}

void CredentialWatch::report(const Status& loaded) {
  if (!loaded)
    return logger_.error("the certificates stay as they were", {{"why", loaded.error().context}});
  const auto current = credentials_->current();
  logger_.info("certificates reloaded", {{"own", tls::describe(current->own()->facts())},
                                         {"authorities", current->authorities().size()}});
  recheck_();
}

}  // namespace troth::daemon
