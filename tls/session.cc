#include "tls/session.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "tls/socket_bio.h"

namespace troth::tls {

namespace {

constexpr int kHandshakeMessage = 22;  // the content type, RFC 8446 section 5.1
constexpr int kAlertReasons = SSL_AD_REASON_OFFSET;

int session_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void note_ticket(int sent, int, int type, const void* bytes, std::size_t size, SSL*, void* flag) {
  const bool ticket = sent == 0 && type == kHandshakeMessage && size > 0 &&
                      *static_cast<const unsigned char*>(bytes) == SSL3_MT_NEWSESSION_TICKET;
  if (ticket) *static_cast<bool*>(flag) = true;
}

}  // namespace

std::string words_of_verification(long error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has expired; `troth cert renew` makes a new one";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "is not valid yet; compare the clocks of the two machines";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "is signed by none of the CAs in ca.crt";
    case X509_V_ERR_INVALID_PURPOSE:
      return "is not for this side of a connection: nodes answer, clients call";
    default:
      return fmt::format("does not count: {}", X509_verify_cert_error_string(error));
  }
}

Session::Session(std::shared_ptr<const Credentials> credentials, int fd, Side side,
                 std::string host)
    : credentials_(std::move(credentials)), side_(side), host_(std::move(host)) {
  const bool client = side_ == Side::kClient;
  ssl_.reset(SSL_new(client ? credentials_->for_client() : credentials_->for_server()));
  TROTH_ASSERT(ssl_ != nullptr, "{}", take_openssl_error());
  BIO* const bio = new_socket_bio(fd);
  SSL_set_bio(ssl_.get(), bio, bio);
  TROTH_OPENSSL(SSL_set_ex_data(ssl_.get(), session_index(), this));
  const int required = side_ == Side::kServer ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER | required, on_certificate);
  if (!client) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  SSL_set_msg_callback(ssl_.get(), note_ticket);
  SSL_set_msg_callback_arg(ssl_.get(), &accepted_);
  // For servers behind a common address; a node takes no notice.
  std::array<unsigned char, 16> address{};
  const bool is_address = ::inet_pton(AF_INET, host_.c_str(), address.data()) == 1 ||
                          ::inet_pton(AF_INET6, host_.c_str(), address.data()) == 1;
  if (!host_.empty() && !is_address) SSL_set_tlsext_host_name(ssl_.get(), host_.c_str());
  ERR_clear_error();
}

Session::~Session() = default;

int Session::on_certificate(int good, X509_STORE_CTX* store) {
  const auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return static_cast<Session*>(SSL_get_ex_data(ssl, session_index()))->judge(good == 1, store);
}

/// Called for every certificate of the chain, the peer's own last.
int Session::judge(bool good, X509_STORE_CTX* store) {
  const int depth = X509_STORE_CTX_get_error_depth(store);
  if (good && depth > 0) return 1;
  const Certificate certificate(X509_STORE_CTX_get0_cert(store));
  const auto& facts = certificate.facts();
  if (!good) {
    const auto& cluster = facts.principal.cluster;
    const bool foreign = !cluster.empty() && cluster != credentials_->cluster();
    const auto why = words_of_verification(X509_STORE_CTX_get_error(store));
    trouble_ = foreign     ? fmt::format("{} belongs to cluster {}, this process to cluster {}",
                                         describe(facts), cluster, credentials_->cluster())
               : depth > 0 ? fmt::format("the CA of {} {}", describe(facts), why)
                           : fmt::format("{} {}", describe(facts), why);
    return 0;
  }
  trouble_ = refusal_of(certificate);
  if (trouble_.empty()) return 1;
  // What the other side is told: an alert, chosen by the number.
  const bool revoked = credentials_->is_revoked(facts);
  X509_STORE_CTX_set_error(store, revoked ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_CERT_REJECTED);
  return 0;
}

/// Of a certificate that is signed and in date. "" = it counts.
std::string Session::refusal_of(const Certificate& certificate) const {
  const auto& facts = certificate.facts();
  const auto& who = facts.principal;
  if (!facts.trouble.empty()) return fmt::format("{}: {}", describe(facts), facts.trouble);
  if (who.cluster != credentials_->cluster())
    return fmt::format("{} belongs to cluster {}, this process to cluster {}", describe(facts),
                       who.cluster, credentials_->cluster());
  if (const auto why = credentials_->why_not_any_more(facts, now_ms()); !why.empty())
    return fmt::format("{} {}", describe(facts), why);
  if (side_ != Side::kClient) return "";
  if (!who.role.is_node()) return fmt::format("{} is not that of a node", describe(facts));
  if (certificate.covers(host_)) return "";
  return fmt::format("{} is not for host {}, but for {}; `troth cert node` takes every host",
                     describe(facts), host_, fmt::join(facts.hosts, ", "));
}

template <class Call>
Outcome Session::run(Call call) {
  if (broken_) return {Outcome::Kind::kFailed};
  ERR_clear_error();
  errno = 0;
  std::size_t bytes = 0;
  const int result = call(bytes);
  if (result > 0) return {Outcome::Kind::kDone, bytes};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::Kind::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::Kind::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      if (established_) return {Outcome::Kind::kEnded};
      trouble_ =
          "the other side closed the connection during the TLS handshake; does it speak TLS?";
      break;
    default:
      if (trouble_.empty()) trouble_ = explain();
  }
  broken_ = true;
  ERR_clear_error();
  return {Outcome::Kind::kFailed};
}

std::string Session::explain() {
  const int error = errno;
  const auto code = ERR_peek_error();
  if (code == 0)
    return error == 0 ? "the connection broke" : std::generic_category().message(error);
  const int reason = ERR_GET_REASON(code);
  if (reason >= kAlertReasons) return explain_alert(reason - kAlertReasons);
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      heard_no_tls_ = true;
      [[fallthrough]];
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "the other side speaks no TLS, or one before 1.2";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "the caller shows no certificate; it needs a tls-dir with a tls.crt";
    default: {
      const char* const words = ERR_reason_error_string(code);
      return fmt::format("TLS failed: {}", words == nullptr ? "no reason given" : words);
    }
  }
}

/// The other side told why it ends the connection. It is about this process's certificate.
std::string Session::explain_alert(int alert) const {
  const auto* const own = credentials_->own();
  if (alert == SSL_AD_CERTIFICATE_REQUIRED || (own == nullptr && alert == SSL_AD_HANDSHAKE_FAILURE))
    return "the other side requires a certificate; this process shows none: its tls-dir has no "
           "tls.crt";
  if (own == nullptr)
    return fmt::format("the other side ended the TLS handshake: {}",
                       SSL_alert_desc_string_long(alert));
  const auto& facts = own->facts();
  std::string why;
  switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
      why = "it has expired; `troth cert renew` makes a new one";
      break;
    case SSL_AD_CERTIFICATE_REVOKED:
      why = "it was revoked with `troth cert revoke`";
      break;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_DECRYPT_ERROR:
      why = "none of the CAs that it trusts signed it; is it of the same cluster?";
      break;
    case SSL_AD_BAD_CERTIFICATE:
      why = now_ms() < facts.not_before_ms ? "it is not valid yet"
                                           : "its log says why (dates, identity, cluster)";
      break;
    default:
      why = SSL_alert_desc_string_long(alert);
  }
  return fmt::format("the other side refused this process's {}: {}", describe(facts), why);
}

Outcome Session::handshake() {
  if (established_) return {Outcome::Kind::kDone};
  if (SSL_is_init_finished(ssl_.get()) == 0) {
    const auto done = run([&](std::size_t&) { return SSL_do_handshake(ssl_.get()); });
    if (done.kind != Outcome::Kind::kDone) return done;
  }
  return finish_handshake();
}

/// A client's part in it is over: waits for the ticket of TLS 1.3. In TLS 1.2 the server has judged
/// the client before its last message.
Outcome Session::finish_handshake() {
  const bool waits =
      side_ == Side::kClient && SSL_version(ssl_.get()) == TLS1_3_VERSION && !accepted_;
  if (waits) {
    const auto came = run([&](std::size_t& bytes) {
      char byte = 0;
      return SSL_peek_ex(ssl_.get(), &byte, 1, &bytes);
    });
    const bool can_go_on =
        came.kind == Outcome::Kind::kDone || (came.kind == Outcome::Kind::kWantRead && accepted_);
    if (!can_go_on) return came;
  }
  establish();
  return {Outcome::Kind::kDone};
}

void Session::establish() {
  established_ = true;
  SSL_set_msg_callback(ssl_.get(), nullptr);
  X509* const shown = SSL_get0_peer_certificate(ssl_.get());
  if (shown == nullptr) return;
  peer_ = std::make_unique<CertificateFacts>(Certificate(shown).facts());
  principal_ = peer_->principal;
}

Outcome Session::read(std::span<std::uint8_t> buffer) {
  if (const auto ready = handshake(); ready.kind != Outcome::Kind::kDone) return ready;
  return run([&](std::size_t& bytes) {
    return SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
  });
}

Outcome Session::peek(std::span<std::uint8_t> buffer) {
  if (const auto ready = handshake(); ready.kind != Outcome::Kind::kDone) return ready;
  return run([&](std::size_t& bytes) {
    return SSL_peek_ex(ssl_.get(), buffer.data(), buffer.size(), &bytes);
  });
}

Outcome Session::write(std::string_view bytes) {
  if (const auto ready = handshake(); ready.kind != Outcome::Kind::kDone) return ready;
  return run([&](std::size_t& written) {
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  });
}

bool Session::has_pending() const {
  return SSL_pending(ssl_.get()) > 0;
}

void Session::say_goodbye() {
  if (broken_ || !established_) return;
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl_.get()));
  ERR_clear_error();
}

}  // namespace troth::tls
