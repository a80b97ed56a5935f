#pragma once
// protocol::RecordLog over the write-ahead log of this machine.

#include "protocol/record_log.h"
#include "wal/log.h"

namespace troth::recovery {

class WalRecordLog final : public protocol::RecordLog {
 public:
  explicit WalRecordLog(wal::Log& log) : log_(log) {}
  Lsn append(protocol::RecordType type, std::string_view payload, protocol::Force force) override;
  Lsn append_patiently(protocol::RecordType type, std::string_view payload) override {
    return log_.append_quietly(static_cast<std::uint8_t>(type), payload, wal::Urgency::kSoon);
  }
  void flush() override;
  std::optional<Lsn> force_here() override;
  bool forces_quickly() const override { return log_.forces_quickly(); }
  Lsn appended() const override { return log_.appended(); }
  Lsn durable() const override { return log_.durable(); }
  void release_below(Lsn lsn) override { log_.release_below(lsn); }
  std::uint64_t bytes_after(Lsn ticket) const override {
    return log_.appended().value - ticket.value;  // an LSN counts bytes here
  }
  bool has_room() const override { return log_.space() == wal::Space::kAmple; }

 private:
  static constexpr int kUnflushed = 64;  ///< then the disk starts while the round goes on
  int forced_since_flush_ = 0;
  wal::Log& log_;
};

}  // namespace troth::recovery
