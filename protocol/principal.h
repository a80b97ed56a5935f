#pragma once
// Who asks: the identity that a connection has proved. It travels with every request and every peer
// message to the one question Policy::may() (protocol/policy.h). Until connections can prove an
// identity, everybody is Principal::anyone().

#include <cstdint>
#include <string>

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

  /// Someone who has proved nothing. Lives as long as the program.
  static const Principal& anyone();
  friend bool operator==(const Principal&, const Principal&) = default;
};

/// For logs and refusals: "troth://CLUSTER/ROLE/NAME", or "anyone".
std::string text_of(const Principal& principal);

}  // namespace troth::protocol
