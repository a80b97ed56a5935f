#include "recovery/start_up.h"

#include <fmt/format.h>

#include <limits>

#include "os/node_key.h"

namespace troth::recovery {

using namespace protocol;

namespace {

Status check_role(const wal::Identity& identity, const std::string& dir, const std::string& role) {
  if (identity.role == role) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} holds the log of a {}, not of a {}", dir, identity.role, role));
}

}  // namespace

Result<wal::Identity> init_log(FileSystem& files, const std::string& dir, const std::string& role,
                               const NodeName& name, const std::string& cluster) {
  const auto key = NodeKey::make();
  return wal::init(files, dir, role, name.text(), key->log_id(), cluster, key->seed());
}

Status check_directory(FileSystem& files, const std::string& dir, const std::string& role) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, wal::read_identity(files, dir));
  TROTH_TRY(check_role(identity, dir, role));
  return wal::check_original(files, dir, identity);
}

Result<LogOwner> owner_of(const wal::Identity& identity) {
  TROTH_ASSIGN_OR_RETURN(const auto name, NodeName::parse(identity.node));
  return LogOwner{name, identity.log_id, identity.lineage};
}

LogExtent extent_of(const wal::ScanReport& scan) {
  return {scan.first, scan.end, scan.torn_bytes, scan.torn_where};
}

Result<LogOwner> WalAtStart::fence() {
  TROTH_ASSIGN_OR_RETURN(node_.identity, wal::read_identity(files_, dir_));
  TROTH_ASSIGN_OR_RETURN(node_.lock, wal::lock_directory(files_, dir_));
  TROTH_TRY(check_role(node_.identity, dir_, role_));
  TROTH_ASSIGN_OR_RETURN(auto owner, owner_of(node_.identity));
  node_.name = owner.name;
  return owner;
}

Result<LogExtent> WalAtStart::replay(const wal::RecordVisitor& visitor) {
  TROTH_ASSIGN_OR_RETURN(node_.writer, wal::Writer::open(files_, dir_, options_, visitor));
  return extent_of(node_.writer->opened());
}

Status WalAtStart::force(const Record& record) {
  node_.writer->append(static_cast<std::uint8_t>(type_of(record)), encode(record));
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const Lsn durable, node_.writer->sync());
  return {};
}

Result<OpenedNode> open_node(FileSystem& files, const std::string& dir, const std::string& role,
                             wal::Options options, const wal::RecordVisitor& visitor) {
  WalAtStart start(files, dir, role, options);
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto owner, start.fence());
  TROTH_ASSIGN_OR_RETURN([[maybe_unused]] const auto extent, start.replay(visitor));
  return start.take();
}

Result<Epoch> begin_epoch(LogAtStart& log, const LogOwner& owner, Epoch previous,
                          AdoptedRecord& adopted, WallTime now) {
  const bool newly_adopted = owner.lineage > adopted.lineage;
  const std::uint64_t next =
      std::uint64_t{previous.value} + log.epoch_step() + (newly_adopted ? kAdoptionGap : 0);
  if (next > std::numeric_limits<std::uint32_t>::max())
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} was started too often: its epochs are used up after {}; begin anew "
                            "under a new name",
                            owner.name, previous));
  const Epoch epoch{static_cast<std::uint32_t>(next)};
  TROTH_TRY(log.force(EpochRecord{epoch}));
  // lineage counts adopts; each must leave its own ADOPTED record before anything is presumed.
  if (newly_adopted) {
    adopted = {epoch, now, owner.lineage};
    TROTH_TRY(log.force(adopted));
  }
  return epoch;
}

}  // namespace troth::recovery
