#include "recovery/wal_record_log.h"

namespace troth::recovery {

Lsn WalRecordLog::append(protocol::RecordType type, std::string_view payload,
                         protocol::Force force) {
  const bool forced = force == protocol::Force::kYes;
  const Lsn lsn = log_.append_quietly(static_cast<std::uint8_t>(type), payload,
                                      forced ? wal::Urgency::kNow : wal::Urgency::kNone);
  if (forced && ++forced_since_flush_ >= kUnflushed) flush();
  return lsn;
}

std::optional<Lsn> WalRecordLog::force_here() {
  forced_since_flush_ = 0;
  return log_.force_here();
}

void WalRecordLog::flush() {
  forced_since_flush_ = 0;
  log_.wake();
}

}  // namespace troth::recovery
