#pragma once
// One HTTP connection with limits that cpp-httplib does not have: a request's head and the whole
// request have a deadline, however slowly they drip, and the head has a size. Beyond a limit a read
// fails, and the connection ends.

#include <httplib.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tls/session.h"
#include "troth/time.h"

namespace troth::http {

struct RequestLimits {
  Duration head_time = std::chrono::seconds(2);  ///< from its first byte to the empty line
  Duration request_time =
      std::chrono::seconds(12);                   ///< from its first byte to the last of its body
  Duration write_time = std::chrono::seconds(2);  ///< without progress
  std::size_t head_bytes = std::size_t{32} << 10;
  std::size_t request_bytes = (std::size_t{1} << 20) + (std::size_t{64} << 10);
};

/// Used by one thread. Does not own the socket.
class BoundedStream final : public httplib::Stream {
 public:
  /// `credentials`: null = plain HTTP. A caller over TLS may show a certificate, and need not.
  BoundedStream(socket_t socket, RequestLimits limits,
                std::shared_ptr<const tls::Credentials> credentials = nullptr);

  /// The TLS handshake, before anything else; nothing to do without TLS. Otherwise a sentence.
  std::optional<std::string> shake_hands(Duration patience);
  /// Who calls, after it.
  const protocol::Principal& principal() const;
  /// Tells a peer over TLS that no more comes.
  void say_goodbye();

  /// Waits for the first byte of a request; false: none came within `patience`.
  bool await_request(Duration patience);
  /// A limit was passed, or the peer is gone: nothing more can be told from this connection.
  bool failed() const { return failed_; }
  /// The limits count from now. `head_time`: the limit of this request's head.
  void begin_request(Duration head_time);
  void begin_request() { begin_request(limits_.head_time); }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* out, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point until() const;
  bool readable(Clock::time_point by) const;
  ssize_t fill();
  ssize_t fill_decrypted();
  ssize_t write_encrypted(const char* bytes, size_t size);
  ssize_t take(char* out, size_t size);
  void watch_head(std::string_view bytes);

  const socket_t socket_;
  const RequestLimits limits_;
  std::unique_ptr<tls::Session> session_;  // null: plain
  std::array<char, 4096> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of what the buffer holds
  Clock::time_point began_;
  Duration head_time_ = limits_.head_time;
  std::size_t head_bytes_ = 0, bytes_ = 0;
  std::size_t matched_ = 0;  // of the empty line that ends the head
  bool in_head_ = true;
  bool failed_ = false;
};

}  // namespace troth::http
