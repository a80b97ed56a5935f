#pragma once
// What both daemons do the same way around their engine: signals, the ready line, the last words.

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "os/mutex.h"
#include "troth/result.h"

namespace troth {

/// Blocks SIGTERM, SIGINT and SIGHUP, and ignores SIGPIPE, for this thread and every thread started
/// later. Call first in main.
void block_signals();

/// Waits for the end: SIGTERM or SIGINT (a value), or fail_with() from any thread (its error).
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  /// The first caller wins. Thread-safe.
  void fail_with(Error error);
  /// Blocks until a signal arrives or a part of the daemon has failed.
  std::optional<Error> wait();
  /// The first failure so far, also after wait() has returned: an orderly end may fail too.
  std::optional<Error> failure();
  /// Called on the watcher's thread at every SIGHUP. Returns when an earlier handler is not running
  /// any more.
  void on_hangup(std::function<void()> handler);

 private:
  Mutex mutex_;
  Condition changed_;
  int signals_ TROTH_GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ TROTH_GUARDED_BY(mutex_);
  Mutex hangup_mutex_;
  std::function<void()> hangup_ TROTH_GUARDED_BY(hangup_mutex_);  // also while it runs
  std::jthread watcher_;
};

/// {"ready":true,"name":...,"role":...,"thrift":"HOST:PORT","http":"HOST:PORT" or null} on stdout,
/// flushed; the service manager is notified as well. `http_address` may be empty.
void print_ready(const std::string& name, const std::string& role,
                 const std::string& thrift_address, const std::string& http_address);

/// One line on stderr; returns the documented exit code of the error.
int report_fatal(const std::string& program, const Error& error);

}  // namespace troth
