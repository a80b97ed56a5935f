#pragma once
// A stream over TLS: the second implementation of Stream. The socket never blocks; in blocking mode
// the stream waits for it with poll(), so that peek() and is_silent() never wait.

#include <memory>
#include <string>

#include "thrift/wire/stream.h"
#include "tls/credentials.h"
#include "troth/result.h"

namespace troth::thrift {

/// Takes over a connected, non-blocking TCP socket that a client has opened. The handshake happens
/// in read(); until it is over nothing can be read and principal() is anyone(). The
/// stream keeps the credentials that it began with; `own` says later whether the peer still counts.
std::unique_ptr<Stream> make_tls_stream(int fd, std::shared_ptr<const tls::CredentialStore> own);

/// Takes over a connected, non-blocking TCP socket to `host` and waits until both sides have
/// accepted each other, at most `patience`. kUnavailable: a sentence says which certificate was
/// refused by whom and why; nothing was sent.
Result<std::unique_ptr<Stream>> shake_hands(int fd, std::shared_ptr<const tls::CredentialStore> own,
                                            const std::string& host, Duration patience);

}  // namespace troth::thrift
