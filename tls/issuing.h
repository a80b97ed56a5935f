#pragma once
// Makes keys, certificates and revocation lists. No files: tls/authority.h keeps them.

#include <cstdint>
#include <string>
#include <vector>

#include "tls/certificate.h"
#include "troth/result.h"

namespace troth::tls {

struct Validity {
  std::int64_t from_ms = 0;  ///< since 1970
  std::int64_t until_ms = 0;
};

/// A certificate and its private key, both as PEM.
struct KeyPair {
  std::string certificate;
  std::string key;
};

/// A CA of its own for one cluster: ECDSA P-256, able to sign certificates and revocation lists and
/// nothing else.
KeyPair make_authority(const std::string& cluster, const Validity& validity);

/// Signed by `authority`. Nodes answer at `hosts` and may call others; clients only call.
/// kInvalidArgument: a host that is neither a name nor an address. kCorruption: the CA's PEM.
Result<KeyPair> issue(const KeyPair& authority, const protocol::Principal& principal,
                      const std::vector<std::string>& hosts, const Validity& validity);

/// A list of the revoked ones among the certificates that `authority` signed. It has no date of
/// expiry: an old list still revokes what it names.
Result<std::string> sign_revocations(const KeyPair& authority,
                                     const std::vector<CertificateFacts>& revoked,
                                     std::int64_t now_ms);

/// The cluster that a CA was made for; "" if its subject names none.
std::string cluster_of(const Certificate& authority);

}  // namespace troth::tls
