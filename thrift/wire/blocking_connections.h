#pragma once
// Connections that are served by a thread each: peers, operators, conversations and large requests.
// Internal to the server.

#include <thrift/TProcessor.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "os/logging.h"
#include "os/mutex.h"
#include "thrift/wire/frame_budget.h"
#include "thrift/wire/stream.h"
#include "thrift/wire/wire.h"
#include "troth/time.h"

namespace troth::thrift {

struct BlockingOptions {
  WireLimits limits;
  Duration idle_timeout{0};
  Duration send_timeout{0};
  std::size_t frames_in_progress_bytes = 0;      ///< of all frames that are not whole
  Duration slow_frame{std::chrono::seconds(2)};  ///< after which it gives way to others
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
                      std::function<void()> on_answered, std::function<void()> on_closed,
                      Logger logger);
  ~BlockingConnections() { stop(); }

  /// Takes over a connected stream and the bytes that were read from it already. Closes it if no
  /// thread can be started, or after stop().
  void serve(std::unique_ptr<Stream> stream, std::string unread);
  std::size_t size() const { return size_; }
  using Clock = std::chrono::steady_clock;
  /// Cuts the connection that has been silent for longest, if no call of it is under way and it has
  /// been silent since before `before`. False: there is none.
  bool cut_idlest(std::optional<Clock::time_point> before);
  /// Cuts those whose certificate is no longer valid.
  void cut_unwelcome();
  /// Calls under way are answered, then every connection is closed and every thread joined.
  void stop();

 private:
  /// The fields without a word are under mutex_ of the outer class.
  struct Served final : FrameWatch {
    explicit Served(BlockingConnections& all) : owner(all) {}
    void on_frame_begins(std::uint32_t bytes) override;
    void on_frame_whole() override;

    BlockingConnections& owner;
    std::shared_ptr<Stream> stream;  ///< null when it is over
    bool over = false;
    bool cut = false;          ///< to make room
    FrameBudget::Place place;  ///< the thread's
    std::atomic<bool> busy = false;
    std::atomic<Clock::time_point> active = Clock::now();
    std::jthread thread;
  };
  /// True: the connection goes on.
  bool serve_call(Served& served, apache::thrift::TProcessor& processor,
                  HardenedTransport& transport, apache::thrift::transport::TTransport& in,
                  const std::shared_ptr<WireProtocol>& protocol);
  void run(Served& served, std::string unread);
  void reap();

  const BlockingOptions options_;
  const MakeProcessor make_processor_;
  const std::function<void()> on_answered_;
  const std::function<void()> on_closed_;
  const Logger logger_;
  FrameBudget frames_;
  std::atomic<std::size_t> size_ = 0;
  Mutex mutex_;
  bool stopped_ TROTH_GUARDED_BY(mutex_) = false;
  std::list<Served> served_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::thrift
