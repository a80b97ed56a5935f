#pragma once
// The words of `troth cert`: which verb, of which directory, with what.

#include <string>
#include <vector>

#include "cli/commands.h"
#include "protocol/principal.h"
#include "tls/authority.h"
#include "troth/result.h"

namespace troth::cli {

struct CertWords {
  std::string verb;                ///< init, node, client, renew, revoke or show
  std::vector<std::string> names;  ///< what stands behind it
  std::string dir = ".";           ///< of the CA: --ca, TROTH_CA_DIR
  std::string cluster;
  std::string role;
  std::string participants;
  tls::Term term;
  bool days_named = false;
  bool all = false;
  bool new_ca = false;
  bool old_ca = false;
  bool force = false;
};

/// `ca_dir`: the variable TROTH_CA_DIR, may be null. kInvalidArgument names the word.
Result<CertWords> parse_cert(const Words& words, const char* ca_dir);
/// Whom a certificate of `node` or `client` will name. Its cluster is that of the CA.
Result<protocol::Principal> holder_of(const CertWords& asked);

}  // namespace troth::cli
