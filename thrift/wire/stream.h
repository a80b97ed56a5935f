#pragma once
// One connected byte stream between two processes: the only place that reads and writes a socket.
// The layers above (frame loop, client connection, peer link) use only this interface. So TLS is a
// second implementation, and nothing else changes.

#include <thrift/transport/TVirtualTransport.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/principal.h"
#include "troth/time.h"

namespace troth::thrift {

/// What one read, write or peek came to.
struct IoResult {
  enum class Kind : std::uint8_t {
    kDone,        ///< `bytes` were moved, at least one
    kWouldBlock,  ///< non-blocking: nothing now. Blocking: the timeout passed
    kEnded,       ///< the peer will send nothing more
    kFailed,      ///< the stream is useless; `error` is an errno
  };
  Kind kind = Kind::kFailed;
  std::size_t bytes = 0;
  int error = 0;
};

/// Used by one thread at a time, except stop_reading() and cut(). Destroying it closes it.
class Stream {
 public:
  virtual ~Stream() = default;

  /// The principal at the other end, as far as the connection has proved it. Does not change once
  /// the stream is ready; lives as long as it.
  virtual const protocol::Principal& principal() const = 0;
  /// The principal at the other end is known; before, nothing can be read.
  virtual bool is_ready() const { return true; }
  /// Why the peer's certificate, which was valid at the beginning, is no longer valid: expired or
  /// revoked. "" = it is valid, or there is none. From any thread once the stream is ready.
  virtual std::string no_longer_welcome() const { return {}; }
  /// Why it failed, as a sentence; "" = the errno of the last result says all.
  virtual std::string trouble() const { return {}; }

  virtual IoResult read(std::span<std::uint8_t> buffer) = 0;
  virtual IoResult write(std::string_view bytes) = 0;
  /// Copies what has arrived and leaves it there. Never waits, in either mode.
  virtual IoResult peek(std::span<std::uint8_t> buffer) const = 0;
  /// Nothing has arrived, and the peer has not closed.
  virtual bool is_silent() const = 0;

  /// A new stream is non-blocking. Blocking: read() and write() wait at most their timeout.
  virtual void set_blocking(bool blocking) = 0;
  /// Of the blocking mode; at least 1 ms each.
  virtual void set_timeouts(Duration read, Duration write) = 0;

  /// From any thread: a read() under way and every later one ends; what is written still leaves.
  virtual void stop_reading() = 0;
  /// From any thread: likewise for both directions.
  virtual void cut() = 0;

  /// For poll and epoll only: the owner of this number is the stream.
  virtual int fd() const = 0;
};

/// Takes over a connected, non-blocking TCP socket.
std::unique_ptr<Stream> make_plain_stream(int fd);

/// A stream in blocking mode as Thrift's transports see it. `unread`: what was read from the stream
/// before and comes first.
class StreamTransport final : public apache::thrift::transport::TVirtualTransport<StreamTransport> {
 public:
  explicit StreamTransport(std::shared_ptr<Stream> stream, std::string unread = {});

  /// 0 = the peer has closed. Throws TTransportException: TIMED_OUT, or NOT_OPEN with the system's
  /// words.
  std::uint32_t read(std::uint8_t* buffer, std::uint32_t length);
  void write(const std::uint8_t* buffer, std::uint32_t length);
  bool isOpen() const override { return true; }

 private:
  const std::shared_ptr<Stream> stream_;
  std::string unread_;
  std::size_t given_ = 0;
};

}  // namespace troth::thrift
