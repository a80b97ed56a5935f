#include "protocol/principal.h"

#include <fmt/format.h>

namespace troth::protocol {

std::string_view to_string(PrincipalRole role) {
  switch (role) {
    case PrincipalRole::kAnyone:
      return "anyone";
    case PrincipalRole::kClient:
      return "client";
    case PrincipalRole::kOperator:
      return "operator";
    case PrincipalRole::kMonitor:
      return "monitor";
    case PrincipalRole::kCoordinator:
      return "coordinator";
    case PrincipalRole::kParticipant:
      return "participant";
  }
  return "anyone";
}

const Principal& Principal::anyone() {
  static const Principal nobody_known;
  return nobody_known;
}

std::string text_of(const Principal& principal) {
  if (principal.role == PrincipalRole::kAnyone) return "anyone";
  return fmt::format("troth://{}/{}/{}", principal.cluster, to_string(principal.role),
                     principal.name);
}

}  // namespace troth::protocol
