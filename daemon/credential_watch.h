#pragma once
// Takes new certificates over while the daemon runs: at SIGHUP, and within a second after a file of
// tls-dir has changed. Connections whose certificate is no longer valid are cut; all others go on.

#include <functional>
#include <memory>
#include <thread>

#include "os/logging.h"
#include "os/mutex.h"
#include "tls/credentials.h"

namespace troth::daemon {

/// Owns the thread that looks. Thread-safe.
class CredentialWatch {
 public:
  /// `recheck`: cuts connections that count no more. Called on the thread of this after every
  /// reload, and once a minute, because certificates expire.
  CredentialWatch(std::shared_ptr<tls::CredentialStore> credentials, std::function<void()> recheck,
                  Logger logger);
  ~CredentialWatch() { stop(); }

  /// Reads the files now, on this thread.
  void reload();
  /// Idempotent; `recheck` is not called any more when it returns.
  void stop();

 private:
  void run();
  void report(const Status& loaded);

  const std::shared_ptr<tls::CredentialStore> credentials_;
  const std::function<void()> recheck_;
  const Logger logger_;
  Mutex mutex_;
  Condition wake_;
  bool stopped_ TROTH_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace troth::daemon
