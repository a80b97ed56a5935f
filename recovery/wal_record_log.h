#pragma once
// protocol::RecordLog over the write-ahead log of this machine.

#include "protocol/record_log.h"
#include "wal/log.h"

namespace troth::recovery {

class WalRecordLog final : public protocol::RecordLog {
 public:
  explicit WalRecordLog(wal::Log& log) : log_(log) {}
  Lsn append(protocol::RecordType type, std::string payload, protocol::Force force) override;
  Lsn appended() const override { return log_.appended(); }
  Lsn durable() const override { return log_.durable(); }
  void release_below(Lsn lsn) override { log_.release_below(lsn); }
  bool has_room() const override { return log_.space() == wal::Space::kAmple; }

 private:
  wal::Log& log_;
};

}  // namespace troth::recovery
