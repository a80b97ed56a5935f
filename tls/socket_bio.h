#pragma once
// How OpenSSL reaches a socket: without SIGPIPE, which its own socket BIO would raise in programs
// that use the client library. Internal to tls/.

#include <openssl/bio.h>

namespace troth::tls {

/// Does not own the socket.
BIO* new_socket_bio(int fd);

}  // namespace troth::tls
