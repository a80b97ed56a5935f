#include "recovery/wal_record_log.h"

namespace troth::recovery {

Lsn WalRecordLog::append(protocol::RecordType type, std::string payload, protocol::Force force) {
  return log_.append(static_cast<std::uint8_t>(type), std::move(payload),
                     force == protocol::Force::kYes ? wal::Force::kYes : wal::Force::kNo);
}

}  // namespace troth::recovery
