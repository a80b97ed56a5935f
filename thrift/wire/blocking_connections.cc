#include "thrift/wire/blocking_connections.h"

#include <system_error>
#include <vector>

#include "thrift/wire/oversized.h"
#include "thrift/wire/source.h"

namespace troth::thrift {

namespace at = apache::thrift;

BlockingConnections::BlockingConnections(BlockingOptions options, MakeProcessor make_processor,
                                         std::function<void()> on_answered,
                                         std::function<void()> on_closed, Logger logger)
    : options_(options),
      make_processor_(std::move(make_processor)),
      on_answered_(std::move(on_answered)),
      on_closed_(std::move(on_closed)),
      logger_(std::move(logger)),
      frames_(options.frames_in_progress_bytes, options.slow_frame) {}

void BlockingConnections::Served::on_frame_begins(std::uint32_t bytes) {
  constexpr auto kPatience = std::chrono::seconds(30);
  busy = true;  // it is not silent
  place = owner.frames_.take(bytes, stream, kPatience);
}

void BlockingConnections::Served::on_frame_whole() {
  place = {};
}

void BlockingConnections::serve(std::unique_ptr<Stream> stream, std::string unread) {
  reap();
  const MutexLock lock(mutex_);
  if (stopped_) return;
  auto& served = served_.emplace_back(*this);
  served.stream = std::move(stream);
  ++size_;
  try {
    served.thread = std::jthread(
        [this, &served, unread = std::move(unread)]() mutable { run(served, std::move(unread)); });
  } catch (const std::system_error&) {  // no thread to be had: the client tries again
    --size_;
    served_.pop_back();
  }
}

void BlockingConnections::run(Served& served, std::string unread) {
  {
    auto by = served.stream->principal();
    by.source = source_of(served.stream->fd());
    const auto processor = make_processor_(by);
    served.stream->set_timeouts(options_.idle_timeout, options_.send_timeout);
    const auto in = buffered(std::make_shared<StreamTransport>(served.stream, std::move(unread)));
    const auto transport = std::make_shared<HardenedTransport>(in, options_.limits, &served);
    const auto protocol = make_protocol(transport, options_.limits);
    while (serve_call(served, *processor, *transport, *in, protocol)) {
    }
    served.place = {};
    served.stream->cut();
  }
  --size_;
  on_closed_();
  const MutexLock lock(mutex_);
  served.over = true;
  served.stream.reset();  // a client that still writes learns that the server does not read
}

bool BlockingConnections::serve_call(Served& served, at::TProcessor& processor,
                                     HardenedTransport& transport, at::transport::TTransport& in,
                                     const std::shared_ptr<WireProtocol>& protocol) {
  const bool goes_on = processor.process(protocol, protocol, nullptr);
  on_answered_();
  served.active = Clock::now();
  served.busy = false;
  const auto bytes = transport.oversized();
  if (bytes == 0) return goes_on;
  constexpr auto kNextBytes = std::chrono::seconds(2);
  served.stream->set_timeouts(kNextBytes, kNextBytes);
  const auto limit = static_cast<std::uint32_t>(options_.limits.frame_bytes);
  if (refuse_oversized(in, *protocol, bytes, limit))
    logger_.warn("refused a request that is too large", {{"bytes", bytes}, {"limit", limit}});
  return false;
}

bool BlockingConnections::cut_idlest(std::optional<Clock::time_point> before) {
  const MutexLock lock(mutex_);
  Served* idlest = nullptr;
  constexpr std::size_t kMostClosing = 16;  // their descriptors are not free yet
  std::size_t closing = 0;
  for (const auto& served : served_) closing += served.cut && !served.over ? 1U : 0U;
  if (closing >= kMostClosing) return false;
  for (auto& served : served_)
    if (!served.over && !served.cut && !served.busy &&
        (idlest == nullptr || served.active.load() < idlest->active.load()))
      idlest = &served;
  if (idlest == nullptr || (before && idlest->active.load() >= *before)) return false;
  idlest->cut = true;
  idlest->stream->cut();
  return true;
}

void BlockingConnections::cut_unwelcome() {
  const MutexLock lock(mutex_);
  for (auto& served : served_) {
    if (served.over || !served.stream) continue;
    const auto why = served.stream->no_longer_welcome();
    if (why.empty()) continue;
    logger_.warn("connection closed", {{"why", why}});
    served.stream->cut();
  }
}

void BlockingConnections::reap() {
  std::list<Served> over;
  const MutexLock lock(mutex_);
  for (auto at = served_.begin(); at != served_.end();) {
    const auto next = std::next(at);
    if (at->over) over.splice(over.end(), served_, at);
    at = next;
  }
  for (auto& served : over) served.thread.join();  // it has left its last lock
}

void BlockingConnections::stop() {
  std::vector<std::jthread*> threads;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;  // nothing is added any more, and what is in the list stays
    for (auto& served : served_) {
      if (served.stream) served.stream->stop_reading();  // the answer still goes out
      threads.push_back(&served.thread);
    }
  }
  for (auto* thread : threads)
    if (thread->joinable()) thread->join();
}

}  // namespace troth::thrift
