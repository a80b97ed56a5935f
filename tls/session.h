#pragma once
// One TLS connection over a socket: the handshake, the principal at the other end, and bytes. No
// call waits: a call that cannot go on returns what it needs.
//
// A client learns only after the handshake whether the server accepts its certificate. The server's
// ticket, which is never used to resume, says so. So both sides have accepted a connection that
// is_established(), and nothing was sent over a refused one.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/principal.h"
#include "tls/credentials.h"

namespace troth::tls {

struct Outcome {
  enum class Kind : std::uint8_t {
    kDone,  ///< `bytes` were moved, or the handshake is over
    kWantRead,
    kWantWrite,
    kEnded,   ///< the peer will send nothing more
    kFailed,  ///< the session is useless; trouble() says why
  };
  Kind kind = Kind::kFailed;
  std::size_t bytes = 0;
};

/// Used by one thread at a time. Does not own the socket, which must be non-blocking and have
/// TCP_NODELAY.
class Session {
 public:
  enum class Side : std::uint8_t {
    kServer,          ///< requires a certificate
    kTolerantServer,  ///< takes callers without one as anyone()
    kClient,
  };
  /// `host`: of a client, the name or address at which the server's certificate must count.
  Session(std::shared_ptr<const Credentials> credentials, int fd, Side side, std::string host = "");
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Until kDone. read() and write() do it too.
  Outcome handshake();
  bool is_established() const { return established_; }
  /// After the handshake; does not change.
  const protocol::Principal& principal() const { return principal_; }
  /// Of the other end; null: it showed none.
  const CertificateFacts* peer() const { return peer_.get(); }

  Outcome read(std::span<std::uint8_t> buffer);
  Outcome write(std::string_view bytes);
  /// Copies what has arrived and leaves it there.
  Outcome peek(std::span<std::uint8_t> buffer);
  /// Decrypted bytes that the socket does not show any more.
  bool has_pending() const;
  /// Tells the peer that no more comes.
  void say_goodbye();

  /// Why the session failed: a sentence.
  const std::string& trouble() const { return trouble_; }
  /// The session failed because what came is no TLS: OpenSSL answers nothing to that.
  bool heard_no_tls() const { return heard_no_tls_; }

 private:
  static int on_certificate(int good, X509_STORE_CTX* store);
  int judge(bool good, X509_STORE_CTX* store);
  std::string refusal_of(const Certificate& certificate) const;
  template <class Call>
  Outcome run(Call call);
  Outcome finish_handshake();
  void establish();
  std::string explain();
  std::string explain_alert(int alert) const;

  const std::shared_ptr<const Credentials> credentials_;
  const Side side_;
  const std::string host_;
  SslHandle ssl_;
  bool established_ = false;
  bool accepted_ = false;  // the server's ticket has come
  bool broken_ = false;
  bool heard_no_tls_ = false;
  protocol::Principal principal_;
  std::unique_ptr<CertificateFacts> peer_;
  std::string trouble_;
};

/// What a verification error of OpenSSL means for a certificate: the end of a sentence.
std::string words_of_verification(long error);

}  // namespace troth::tls
