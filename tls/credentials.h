#pragma once
// What one process shows and trusts: its certificate and key, the CAs of its cluster, and the
// revoked certificates, from a directory as `troth cert` makes it (tls/authority.h).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/mutex.h"
#include "tls/certificate.h"
#include "tls/openssl_handles.h"
#include "troth/result.h"

namespace troth::tls {

/// Immutable and thread-safe. Connections keep the ones that they began with.
class Credentials {
 public:
  /// `now_ms`: by then the process's own certificate must count; 0 = whatever its dates say.
  /// kInvalidArgument or kNotFound: a sentence about the file.
  static Result<std::shared_ptr<const Credentials>> load(const std::string& dir,
                                                         std::int64_t now_ms);

  const std::string& cluster() const { return cluster_; }
  /// Null: a process that shows no certificate.
  const Certificate* own() const { return own_.get(); }
  const std::vector<Certificate>& authorities() const { return authorities_; }

  /// Why a certificate that a connection once proved is no longer valid: expired, revoked, or its
  /// CA is gone. "" = it is valid.
  std::string why_not_any_more(const CertificateFacts& facts, std::int64_t now_ms) const;
  bool is_revoked(const CertificateFacts& facts) const { return revoked_.contains(facts); }

  SSL_CTX* for_server() const { return server_.get(); }
  SSL_CTX* for_client() const { return client_.get(); }

 private:
  Credentials() = default;
  Status read_own(const std::string& dir, std::int64_t now_ms);
  Status make_contexts(const std::string& key_pem);
  Result<ContextHandle> make_context(const SSL_METHOD* method, const std::string& key_pem) const;

  std::string cluster_;
  std::vector<Certificate> authorities_;
  std::unique_ptr<Certificate> own_;
  RevokedSerials revoked_;
  ContextHandle server_, client_;
};

/// The credentials of a process, replaced while it runs. Thread-safe.
class CredentialStore {
 public:
  /// kInvalidArgument or kNotFound as Credentials::load().
  static Result<std::shared_ptr<CredentialStore>> open(const std::string& dir);
  /// With what a test made. reload() reads `dir`.
  CredentialStore(std::string dir, std::shared_ptr<const Credentials> first);

  std::shared_ptr<const Credentials> current() const;
  const std::string& dir() const { return dir_; }
  /// Reads the directory again. An error: what is in force stays.
  Status reload();
  /// Likewise, if a file has changed since the last attempt; nothing: none has.
  std::optional<Status> reload_if_changed();

 private:
  const std::string dir_;
  mutable Mutex mutex_;
  std::shared_ptr<const Credentials> current_ TROTH_GUARDED_BY(mutex_);
  std::string seen_ TROTH_GUARDED_BY(mutex_);  // of the files at the last attempt
};

}  // namespace troth::tls
