#pragma once
// How connections of one port begin: plain, or with a TLS handshake that is bounded in time and
// number. A caller that begins a handshake and does not end it costs some memory for a while, and
// no other caller its place: the oldest handshake is dropped. Owned by the frame loop, on its
// thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "os/logging.h"
#include "thrift/wire/stream.h"
#include "tls/credentials.h"
#include "troth/time.h"

namespace troth::thrift {

struct HandshakeLimits {
  Duration patience = std::chrono::seconds(5);  ///< from accepting to the end of the handshake
  std::size_t most = 512;                       ///< under way at once
};

class Handshakes {
 public:
  using Clock = std::chrono::steady_clock;
  /// `credentials`: null = plain TCP.
  Handshakes(std::shared_ptr<const tls::CredentialStore> credentials, HandshakeLimits limits,
             Logger logger)
      : credentials_(std::move(credentials)), limits_(limits), logger_(std::move(logger)) {}

  /// Takes over an accepted socket. With TLS the handshake is under way until seen() or gone().
  std::unique_ptr<Stream> welcome(std::uint64_t connection, int fd, Clock::time_point now);
  /// Something was read from it.
  void seen(std::uint64_t connection, const Stream& stream) {
    if (!under_way_.empty() && stream.is_ready()) under_way_.erase(connection);
  }
  void gone(std::uint64_t connection) { under_way_.erase(connection); }
  /// It ended in trouble: a line for the operator, unless the stream has nothing to say.
  void refused(const Stream& stream);
  /// The credentials have changed since the last time, or a minute has passed: then every ready
  /// stream is to be asked whether it is no longer welcome.
  bool recheck_due(Clock::time_point now);
  /// The oldest, if it has had its time or they are too many.
  std::optional<std::uint64_t> gives_way(Clock::time_point now) const;

 private:
  const std::shared_ptr<const tls::CredentialStore> credentials_;
  const HandshakeLimits limits_;
  const Logger logger_;
  std::shared_ptr<const tls::Credentials> checked_;  // by these
  Clock::time_point checked_at_;
  std::map<std::uint64_t, Clock::time_point> under_way_;  // ids grow, so the oldest is in front
};

}  // namespace troth::thrift
