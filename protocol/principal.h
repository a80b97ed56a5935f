#pragma once
// Who asks: the identity that a connection has proved. It travels with every request and every peer
// message to the one question Policy::may() (protocol/policy.h). Until connections can prove an
// identity, everybody is Principal::anyone().

#include <cstdint>
#include <string>

#include "troth/ids.h"

namespace troth::protocol {

/// What kind of party a principal is. A policy grants permissions to roles or to names.
enum class PrincipalRole : std::uint8_t {
  kAnyone,    ///< has proved nothing
  kClient,    ///< an application
  kOperator,  ///< a person
  kMonitor,   ///< a program that only looks
  kCoordinator,
  kParticipant,
};
std::string_view to_string(PrincipalRole role);

struct Principal {
  std::string cluster;
  PrincipalRole role = PrincipalRole::kAnyone;
  std::string name;  ///< of a node: its NodeName
  LogId log = {};    ///< the connection has proved that it speaks for this log; nil: for none
  std::uint64_t connection =
      0;  ///< among those of this process; tells apart who has proved nothing

  /// Someone who has proved nothing. Lives as long as the program.
  static const Principal& anyone();
  bool has_identity() const { return role != PrincipalRole::kAnyone; }
  /// Over one connection or several; without an identity each connection is another party.
  bool is_same_party(const Principal& other) const {
    return has_identity() ? *this == other
                          : !other.has_identity() && connection == other.connection;
  }
  /// The identity alone.
  friend bool operator==(const Principal& a, const Principal& b) {
    return a.cluster == b.cluster && a.role == b.role && a.name == b.name;
  }
};

/// For logs and refusals: "troth://CLUSTER/ROLE/NAME", or "anyone".
std::string text_of(const Principal& principal);

}  // namespace troth::protocol
