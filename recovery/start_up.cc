#include "recovery/start_up.h"

#include <fmt/format.h>

namespace troth::recovery {

using namespace protocol;

namespace {

Status check_role(const wal::Identity& identity, const std::string& dir, const std::string& role) {
  if (identity.role == role) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} holds the log of a {}, not of a {}", dir, identity.role, role));
}

}  // namespace

Status check_directory(FileSystem& files, const std::string& dir, const std::string& role) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(files, dir));
  TROTH_TRY(check_role(identity, dir, role));
  return wal::check_original(files, dir, identity);
}

Result<OpenedNode> open_node(FileSystem& files, const std::string& dir, const std::string& role,
                             wal::Options options, const wal::RecordVisitor& visitor,
                             const std::function<Status(const OpenedNode&)>& before_scan) {
  OpenedNode node;
  TROTH_ASSIGN_OR_RETURN(node.identity, wal::read_identity(files, dir));
  TROTH_ASSIGN_OR_RETURN(node.lock, wal::lock_directory(files, dir));
  TROTH_TRY(check_role(node.identity, dir, role));
  TROTH_ASSIGN_OR_RETURN(node.name, NodeName::parse(node.identity.node));
  if (before_scan) TROTH_TRY(before_scan(node));
  TROTH_ASSIGN_OR_RETURN(node.writer, wal::Writer::open(files, dir, options, visitor));
  return node;
}

Result<Epoch> begin_epoch(OpenedNode& node, Epoch previous, AdoptedRecord& adopted,
                          const Clock& clock) {
  const bool newly_adopted = node.identity.lineage > adopted.lineage;
  const Epoch epoch{previous.value + (newly_adopted ? kAdoptionGap : 1)};
  const auto force = [&](const Record& record) -> Status {
    node.writer->append(static_cast<std::uint8_t>(type_of(record)), encode(record));
    TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const Lsn durable, node.writer->sync());
    return {};
  };
  TROTH_TRY(force(EpochRecord{epoch}));
  // lineage counts adopts; each must leave its own ADOPTED record before anything is presumed.
  if (newly_adopted) {
    adopted = {epoch, clock.wall_now(), node.identity.lineage};
    TROTH_TRY(force(adopted));
  }
  return epoch;
}

}  // namespace troth::recovery
