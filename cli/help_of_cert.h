#pragma once
// `troth help cert`: how the certificates of a cluster are made, renewed and revoked.

namespace troth::cli {

inline constexpr const char* kHelpOfCert =
    R"help(troth cert init DIR --cluster ID         a CA for one cluster, in a directory of its
                                     own (keep it away from the nodes)
troth cert node NAME HOST... --role coordinator|participant
                                     HOST: every name and address at which
                                     others reach the node
troth cert client NAME --role ROLE[+ROLE...] [--participant P[:read|write|ddl],...]
                                     app, observer, sql, auditor, scraper,
                                     operator, resolver; --participant limits
                                     an app (without a word: ddl, everything)
troth cert renew NAME...|--all       a new key and certificate; the one before
                                     stays valid until it expires
troth cert revoke NAME               revokes every certificate of it
troth cert renew --new-ca            a second CA, trusted too, signs from now
troth cert revoke --old-ca [--force] the older CA is no longer trusted
troth cert show [DIR]                of a CA, or of one holder: names, roles,
                                     dates

  --ca DIR    the CA's directory (TROTH_CA_DIR; default: the current one)
  --days N    how long a certificate is valid (365; a CA 3650)
  --from T    from when on, as 2026-11-29T12:00:00Z (now)

  DIR/issued/NAME is what NAME needs, as tls-dir or --tls-dir: ca.crt, tls.crt,
  tls.key, revoked.crl. After renew and revoke bring it to its machine again;
  daemons reload changed files.
)help";

}  // namespace troth::cli
