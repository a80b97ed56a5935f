#pragma once
// Addresses, and connecting to them with a deadline and errors a person can read.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "thrift/wire/stream.h"
#include "tls/credentials.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::thrift {

inline constexpr std::uint16_t kDefaultPort = 7420;

struct Endpoint {
  std::string host;
  std::uint16_t port = kDefaultPort;
  std::string text() const;
};

/// "host:port", "host", "[v6]:port". kInvalidArgument quotes what is wrong.
Result<Endpoint> parse_endpoint(std::string_view text);

/// A connected stream with TCP_NODELAY, keepalive and close-on-exec. Tries every address of the
/// host. kUnavailable holds only the system's words ("Connection refused"), or a sentence about a
/// certificate. `credentials`: null = plain TCP.
Result<std::unique_ptr<Stream>> dial(
    const Endpoint& endpoint, Duration timeout,
    const std::shared_ptr<const tls::CredentialStore>& credentials);

/// TCP_NODELAY, keepalive and TCP_USER_TIMEOUT on a connected socket; failures do not matter.
void tune_socket(int fd);

}  // namespace troth::thrift
