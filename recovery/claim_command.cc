#include "recovery/claim_command.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "recovery/claims.h"

namespace troth {

using Standing = protocol::ClaimRecord::Standing;

Result<std::string> cluster_of(const SettingValues& values) {
  const auto text = values.text("cluster");
  if (text == protocol::kDefaultCluster) return std::string();
  if (const auto name = NodeName::parse(text); !name) return fail(name.error(), "--cluster");
  return text;
}

Status settle_claim(const std::string& command, const SettingValues& values, FileSystem& files) {
  const auto dir = values.text("data-dir");
  TROTH_ASSIGN_OR_RETURN(const auto witness, NodeName::parse(values.text("name")));
  const char* const user = std::getenv("USER");
  const Operator by{user == nullptr ? "unknown" : user, values.text("reason")};
  const bool dismiss = command == "dismiss";
  TROTH_TRY(recovery::settle_claim(files, dir, {values.size("segment-bytes")}, witness,
                                   dismiss ? Standing::kDismissed : Standing::kConfirmed, by,
                                   SystemClock()));
  std::cout << fmt::format("{} the claim of {} about {}\n", dismiss ? "dismissed" : "confirmed",
                           witness, dir);
  return {};
}

}  // namespace troth
