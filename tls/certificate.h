#pragma once
// The facts of a certificate: the holder, the time from when and until when it is valid, its hosts,
// and its number. The numbers of revoked certificates come from signed revocation lists.

#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocol/principal.h"
#include "troth/result.h"

namespace troth::tls {

struct CertificateFacts {
  protocol::Principal principal;  ///< without identity: `trouble` says why
  std::string trouble;
  std::string subject;                  ///< its common name, for those without identity
  std::string serial;                   ///< hexadecimal
  std::string issuer_key;               ///< which CA signed it: the key identifier, hexadecimal
  std::int64_t not_before_ms = 0;       ///< since 1970
  std::int64_t not_after_ms = 0;        ///< likewise
  std::vector<std::string> hosts = {};  ///< names and addresses at which it may answer
};

/// A certificate that was read. Immutable and thread-safe.
class Certificate {
 public:
  /// Shares `x509`.
  explicit Certificate(X509* x509);

  X509* handle() const { return x509_.get(); }
  const CertificateFacts& facts() const { return facts_; }
  std::string pem() const;
  /// Whether it may answer at this host name or address.
  bool covers(const std::string& host) const;

 private:
  std::shared_ptr<X509> x509_;
  CertificateFacts facts_;
};

/// "certificate troth://shop/app/web (serial 4F2A, valid from 2026-11-29T... to 2027-11-29T...)"
std::string describe(const CertificateFacts& facts);
/// All of a PEM text, at least one. kCorruption if it is none.
Result<std::vector<Certificate>> parse_certificates(const std::string& pem);

/// The numbers of revoked certificates, each with the key identifier of its CA.
class RevokedSerials {
 public:
  /// A PEM text of any number of lists. kCorruption: one of them is signed by none of `authorities`
  /// and yet names one of them, or the text is damaged. Lists of other CAs count for nothing.
  static Result<RevokedSerials> parse(const std::string& pem,
                                      const std::vector<Certificate>& authorities);
  bool contains(const CertificateFacts& facts) const {
    return serials_.count({facts.issuer_key, facts.serial}) != 0;
  }
  std::size_t size() const { return serials_.size(); }

 private:
  std::set<std::pair<std::string, std::string>> serials_;
};

/// The key identifier of a CA, as its certificates name it.
std::string key_id_of(const Certificate& authority);
std::string serial_text(const ASN1_INTEGER* serial);
std::int64_t unix_ms_of(const ASN1_TIME* time);
/// By the clock of this machine, since 1970.
std::int64_t now_ms();

}  // namespace troth::tls
