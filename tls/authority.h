#pragma once
// The certificate authority of one cluster, in a directory of the operator's:
//
//   ca.crt      the trusted CAs, newest first: one, two during a rotation
//   ca.key      the private key of the newest
//   ca.key.old  the key of the one before, during a rotation
//   revoked.crl the revoked certificates, a signed list of each CA
//   certs/      every certificate that was ever issued, by serial number
//   issued/     a directory for each holder, to be copied to its machine as it is:
//               tls.crt, tls.key, ca.crt, revoked.crl
//
// Every file has mode 0600. A node or client needs its own directory alone and never this one.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/file.h"
#include "tls/certificate.h"
#include "tls/issuing.h"
#include "troth/result.h"

namespace troth::tls {

/// The time for which an issued certificate is valid.
struct Term {
  std::int64_t from_ms = 0;  ///< since 1970; 0 = now
  int days = 365;
};

struct IssuedCertificate {
  CertificateFacts facts;
  bool is_authority = false;
  bool revoked = false;
  bool replaced = false;  ///< its holder has a newer one
};

/// Holds the lock of the directory while it lives: one process changes it at a time. Every change
/// is complete on the disk when its call returns; a crash leaves the old files or the new ones.
class Authority {
 public:
  using Now = std::function<std::int64_t()>;  ///< ms since 1970

  /// Makes the directory and its first CA. kAlreadyExists: there is one.
  static Status create(FileSystem& files, const std::string& dir, const std::string& cluster,
                       const Term& term, std::int64_t now_ms);
  /// kNotFound: no CA is there. kFenced: another process works with it.
  static Result<std::unique_ptr<Authority>> open(FileSystem& files, const std::string& dir,
                                                 Now now);

  const std::string& cluster() const { return cluster_; }

  /// For a new name. kAlreadyExists: it has a certificate; kInvalidArgument names the host.
  Result<CertificateFacts> issue(const protocol::Principal& principal,
                                 const std::vector<std::string>& hosts, const Term& term);
  /// A new key and certificate with the same names, signed by the newest CA. The one before
  /// is valid until it expires. kNotFound: the name has none.
  Result<CertificateFacts> renew(const std::string& name, const Term& term);
  /// Revokes every certificate of the name and empties its directory. kNotFound likewise.
  Result<std::size_t> revoke(const std::string& name);

  /// A second CA: it signs from now on, both count. kIllegalState: two count already.
  Status start_rotation(const Term& term);
  /// Ends the older CA. kIllegalState: there is none, or it signed a certificate that is in use
  /// (`force`: revokes that certificate too).
  Status end_rotation(bool force);

  /// CAs first, then by name, then the newest first.
  Result<std::vector<IssuedCertificate>> list() const;
  /// Names that have a certificate.
  Result<std::vector<std::string>> holders() const;
  std::string directory_of(const std::string& name) const;

 private:
  Authority(FileSystem& files, std::string dir, Now now)
      : files_(files), dir_(std::move(dir)), now_(std::move(now)) {}
  Status load();
  Result<CertificateFacts> sign(const protocol::Principal& principal,
                                const std::vector<std::string>& hosts, const Term& term);
  Result<std::vector<Certificate>> all_certificates() const;
  Status write_revocations(const std::vector<CertificateFacts>& revoked);
  Status hand_out(const std::string& file, const std::string& content);
  Validity validity_of(const Term& term) const;

  FileSystem& files_;
  const std::string dir_;
  const Now now_;
  std::unique_ptr<DirectoryLock> lock_;
  std::string cluster_;
  std::vector<KeyPair> pairs_;            // of the CAs that count, newest first
  std::vector<Certificate> authorities_;  // the same
  RevokedSerials revoked_;
};

// Names of the files of a holder's directory.
inline constexpr const char* kAuthorityFile = "ca.crt";
inline constexpr const char* kCertificateFile = "tls.crt";
inline constexpr const char* kKeyFile = "tls.key";
inline constexpr const char* kRevokedFile = "revoked.crl";

/// All of a file. kNotFound: it is not there.
Result<std::string> read_file(FileSystem& files, const std::string& path);
/// Mode 0600, in one piece: readers see the old content or the new one.
Status write_file(FileSystem& files, const std::string& dir, const std::string& file,
                  const std::string& content);

}  // namespace troth::tls
