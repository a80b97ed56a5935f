#pragma once
// Connections that are served by a thread each: peers, operators, conversations and large requests.
// Internal to the server.

#include <thrift/TProcessor.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "os/mutex.h"
#include "thrift/wire/stream.h"
#include "thrift/wire/wire.h"
#include "troth/time.h"

namespace troth::thrift {

struct BlockingOptions {
  WireLimits limits;
  Duration idle_timeout{0};
  Duration send_timeout{0};
};

/// Thread-safe.
class BlockingConnections {
 public:
  using Processor = std::shared_ptr<apache::thrift::TProcessor>;
  /// What serves one connection of a principal. Destroyed when the connection has ended.
  using MakeProcessor = std::function<Processor(const protocol::Principal&)>;
  /// All on the thread that serves the connection: `make_processor` at its start, `on_answered`
  /// after every answer, `on_closed` at its end.
  BlockingConnections(BlockingOptions options, MakeProcessor make_processor,
                      std::function<void()> on_answered, std::function<void()> on_closed);
  ~BlockingConnections() { stop(); }

  /// Takes over a connected stream and what was read from it already. Closes it if no thread can be
  /// started, or after stop().
  void serve(std::unique_ptr<Stream> stream, std::string unread);
  std::size_t size() const { return size_; }
  /// Calls under way are answered, then every connection is closed and every thread joined.
  void stop();

 private:
  struct Served {
    std::shared_ptr<Stream> stream;
    bool over = false;  // under mutex_ of the outer class
    std::jthread thread;
  };
  void run(Served& served, std::string unread);
  void reap();

  const BlockingOptions options_;
  const MakeProcessor make_processor_;
  const std::function<void()> on_answered_;
  const std::function<void()> on_closed_;
  std::atomic<std::size_t> size_ = 0;
  Mutex mutex_;
  bool stopped_ TROTH_GUARDED_BY(mutex_) = false;
  std::list<Served> served_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::thrift
