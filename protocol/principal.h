#pragma once
// The caller: the identity that a connection has proved with its certificate. It goes with every
// request and every peer message to Policy::may() (protocol/policy.h). Over plain TCP every caller
// is Principal::anyone().
//
// In a certificate the identity is a URI: troth://CLUSTER/ROLE[+ROLE...]/NAME, with ?on=GRANTS
// behind it where it is limited to some participants ("stock:read,ledger:write,audit").

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "troth/ids.h"
#include "troth/result.h"

namespace troth::protocol {

/// What a principal may do; one principal may have several (Roles). Values are stable within a
/// build only: certificates hold the names.
enum class PrincipalRole : std::uint8_t {
  kAnyone,       ///< has proved nothing
  kApp,          ///< submits transactions and reads their outcomes
  kObserver,     ///< status, locks, lists of transactions
  kSql,          ///< with observer: the texts of SQL statements
  kAuditor,      ///< the actions of operators
  kScraper,      ///< the metrics
  kOperator,     ///< retries, drains, rolls back what others left open
  kResolver,     ///< decides by hand, declares nodes lost
  kCoordinator,  ///< a node
  kParticipant,  ///< a node
};
std::string_view to_string(PrincipalRole role);

/// A set of roles. kAnyone is the empty one.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(PrincipalRole role)  // NOLINT: one role is a set of roles
      : bits_(role == PrincipalRole::kAnyone ? 0U : 1U << static_cast<unsigned>(role)) {}

  constexpr bool has(PrincipalRole role) const { return (bits_ & Roles(role).bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool is_node() const {
    return has(PrincipalRole::kCoordinator) || has(PrincipalRole::kParticipant);
  }
  constexpr Roles& operator|=(Roles other) {
    bits_ |= other.bits_;
    return *this;
  }
  friend constexpr Roles operator|(Roles a, Roles b) { return a |= b; }
  friend constexpr bool operator==(Roles, Roles) = default;

 private:
  unsigned bits_ = 0;
};
/// "observer+sql"; "anyone" for none.
std::string to_string(Roles roles);
/// Roles joined by '+' or ','. kInvalidArgument names what is no role. A node has one role and no
/// other.
Result<Roles> parse_roles(std::string_view text);

/// What a principal may do at one participant; each includes the ones before.
enum class Reach : std::uint8_t { kRead, kWrite, kDdl };
std::string_view to_string(Reach reach);
/// By participant. A participant that is not named is not granted.
using Grants = std::map<std::string, Reach, std::less<>>;
/// "stock:read,ledger:write,audit": without a word behind it everything, which is ddl.
Result<Grants> parse_grants(std::string_view text);
std::string to_string(const Grants& grants);

struct Principal {
  std::string cluster;
  Roles role = PrincipalRole::kAnyone;
  std::string name;  ///< of a node: its NodeName
  LogId log = {};    ///< the connection has proved that it speaks for this log; nil: for none
  std::uint64_t connection =
      0;  ///< among those of this process; tells apart who has proved nothing
  std::shared_ptr<const Grants> grants = nullptr;  ///< null: at every participant
  std::string source = {};  ///< the address that the connection comes from; "" = unknown

  /// A caller that has proved nothing. Lives as long as the program.
  static const Principal& anyone();
  bool has_identity() const { return !role.empty(); }
  /// Over one connection or several; without an identity each connection is another party.
  bool is_same_party(const Principal& other) const {
    return has_identity() ? *this == other
                          : !other.has_identity() && connection == other.connection;
  }
  /// The identity alone. A renewed certificate with other roles is the same party.
  friend bool operator==(const Principal& a, const Principal& b) {
    return a.cluster == b.cluster && a.name == b.name && a.has_identity() == b.has_identity() &&
           a.role.is_node() == b.role.is_node();
  }
};

/// For logs and refusals: "troth://CLUSTER/ROLE/NAME", or "anyone".
std::string text_of(const Principal& principal);
/// As certificates hold it.
std::string uri_of(const Principal& principal);
/// kInvalidArgument says what is wrong with it.
Result<Principal> parse_uri(std::string_view uri);

}  // namespace troth::protocol
