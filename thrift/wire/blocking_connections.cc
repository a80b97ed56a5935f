#include "thrift/wire/blocking_connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

int milliseconds(Duration d) {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

/// Gives what was read before it came here, then what the socket brings.
class TakenOver final : public at::transport::TSocket {
 public:
  TakenOver(int fd, std::string unread) : TSocket(fd), unread_(std::move(unread)) {}

  std::uint32_t read(std::uint8_t* buffer, std::uint32_t length) override {
    if (given_ == unread_.size()) return TSocket::read(buffer, length);
    const auto n = std::min<std::size_t>(length, unread_.size() - given_);
    std::memcpy(buffer, unread_.data() + given_, n);
    given_ += n;
    if (given_ == unread_.size()) {
      std::string().swap(unread_);  // gives its memory back, which assigning would not
      given_ = 0;
    }
    return static_cast<std::uint32_t>(n);
  }

 private:
  std::string unread_;
  std::size_t given_ = 0;
};

}  // namespace

BlockingConnections::BlockingConnections(BlockingOptions options,
                                         std::shared_ptr<at::TProcessor> processor,
                                         std::function<void()> on_answered,
                                         std::function<void()> on_closed)
    : options_(options),
      processor_(std::move(processor)),
      on_answered_(std::move(on_answered)),
      on_closed_(std::move(on_closed)) {}

void BlockingConnections::serve(int fd, std::string unread) {
  reap();
  std::lock_guard lock(mutex_);
  if (stopped_) {
    ::close(fd);
    return;
  }
  auto& served = served_.emplace_back();
  served.fd = fd;
  ++size_;
  try {
    served.thread = std::jthread([this, &served, fd, unread = std::move(unread)]() mutable {
      run(served, fd, std::move(unread));
    });
  } catch (const std::system_error&) {  // no thread to be had: the client tries again
    --size_;
    served_.pop_back();
    ::close(fd);
  }
}

void BlockingConnections::run(Served& served, int fd, std::string unread) {
  {
    const auto socket = std::make_shared<TakenOver>(fd, std::move(unread));
    socket->setRecvTimeout(milliseconds(options_.idle_timeout));
    socket->setSendTimeout(milliseconds(options_.send_timeout));
    const auto protocol = make_protocol(
        std::make_shared<HardenedTransport>(buffered(socket), options_.limits), options_.limits);
    bool goes_on = true;
    while (goes_on) {
      goes_on = processor_->process(protocol, protocol, nullptr);
      on_answered_();
    }
    std::lock_guard lock(mutex_);
    served.fd = -1;  // before the descriptor can be given to somebody else
    // The socket, not the framed transport: closing that one would first send a half-written frame.
    socket->close();
  }
  --size_;
  on_closed_();
  std::lock_guard lock(mutex_);
  served.over = true;
}

void BlockingConnections::reap() {
  std::list<Served> over;
  std::lock_guard lock(mutex_);
  for (auto at = served_.begin(); at != served_.end();) {
    const auto next = std::next(at);
    if (at->over) over.splice(over.end(), served_, at);
    at = next;
  }
  for (auto& served : over) served.thread.join();  // it has left its last lock
}

void BlockingConnections::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& served : served_)
      if (served.fd >= 0) ::shutdown(served.fd, SHUT_RD);  // the answer still goes out
  }
  for (auto& served : served_)  // nothing is added any more
    if (served.thread.joinable()) served.thread.join();
}

}  // namespace troth::thrift
