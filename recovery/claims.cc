#include "recovery/claims.h"

#include <fmt/format.h>

#include "recovery/start_up.h"

namespace troth::recovery {

using namespace protocol;

Status check_claims(const std::map<NodeName, ClaimRecord>& claims) {
  for (const auto& [witness, claim] : claims) {
    if (claim.standing != ClaimRecord::Standing::kConfirmed) continue;
    return fail(ErrorCode::kLostMemory,
                fmt::format("{} confirmed that this log lost its end: {} has seen it reach LSN {}, "
                            "and it ended at LSN {}. Put the newest log back, or begin anew under "
                            "a new name",
                            claim.by.name, witness, claim.seen.durable, claim.own_end));
  }
  return {};
}

Status settle_claim(FileSystem& files, const std::string& dir, wal::Options options,
                    const NodeName& witness, ClaimRecord::Standing standing, const Operator& by,
                    const Clock& clock) {
  if (by.reason.empty())
    return fail(ErrorCode::kInvalidArgument, "a reason is missing: give --reason TEXT");
  std::map<NodeName, ClaimRecord> claims;
  const auto read = [&](const wal::RecordView& view) -> Status {
    if (view.tag != static_cast<std::uint8_t>(RecordType::kClaim)) return {};
    TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
    const auto& claim = std::get<ClaimRecord>(record);
    claims[claim.witness] = claim;
    return {};
  };
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(files, dir));
  TROTH_ASSIGN_OR_RETURN(auto node, open_node(files, dir, identity.role, options, read));
  const auto found = claims.find(witness);
  if (found == claims.end())
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has claimed nothing about the log in {}", witness, dir));
  auto record = found->second;
  record.standing = standing;
  record.when = clock.wall_now();
  record.by = by;
  node.writer->append(static_cast<std::uint8_t>(RecordType::kClaim), encode(Record(record)));
  return node.writer->close_clean();
}

}  // namespace troth::recovery
