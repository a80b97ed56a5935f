#include "thrift/wire/blocking_connections.h"

#include <system_error>
#include <vector>

namespace troth::thrift {

namespace at = apache::thrift;

BlockingConnections::BlockingConnections(BlockingOptions options, MakeProcessor make_processor,
                                         std::function<void()> on_answered,
                                         std::function<void()> on_closed)
    : options_(options),
      make_processor_(std::move(make_processor)),
      on_answered_(std::move(on_answered)),
      on_closed_(std::move(on_closed)) {}

void BlockingConnections::serve(std::unique_ptr<Stream> stream, std::string unread) {
  reap();
  const MutexLock lock(mutex_);
  if (stopped_) return;
  auto& served = served_.emplace_back();
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
    const auto processor = make_processor_(served.stream->principal());
    served.stream->set_timeouts(options_.idle_timeout, options_.send_timeout);
    const auto protocol = make_protocol(
        std::make_shared<HardenedTransport>(
            buffered(std::make_shared<StreamTransport>(served.stream, std::move(unread))),
            options_.limits),
        options_.limits);
    bool goes_on = true;
    while (goes_on) {
      goes_on = processor->process(protocol, protocol, nullptr);
      on_answered_();
    }
    served.stream->cut();  // the peer sees the end now; reap() frees the descriptor
  }
  --size_;
  on_closed_();
  const MutexLock lock(mutex_);
  served.over = true;
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
      served.stream->stop_reading();  // the answer still goes out
      threads.push_back(&served.thread);
    }
  }
  for (auto* thread : threads)
    if (thread->joinable()) thread->join();
}

}  // namespace troth::thrift
