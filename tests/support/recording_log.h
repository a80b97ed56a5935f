#pragma once
// A log for engine tests: remembers every record, and is durable exactly as far as the test says.

#include <vector>

#include "base/assert.h"
#include "protocol/record_log.h"

namespace troth::tests {

class RecordingLog final : public protocol::RecordLog {
 public:
  struct Entry {
    protocol::RecordType type;
    std::string payload;
    protocol::Force force;
    Lsn lsn;
    bool patient = false;  ///< may wait a moment for company
  };

  Lsn append(protocol::RecordType type, std::string_view payload, protocol::Force force) override {
    appended_.value += 5 + payload.size();
    entries.push_back({type, std::string(payload), force, appended_});
    if (instant) durable_ = appended_;
    return appended_;
  }
  Lsn append_patiently(protocol::RecordType type, std::string_view payload) override {
    const Lsn lsn = append(type, payload, protocol::Force::kYes);
    entries.back().patient = true;
    return lsn;
  }
  Lsn appended() const override { return appended_; }
  Lsn durable() const override { return durable_; }
  void release_below(Lsn lsn) override { released = std::max(released, lsn); }
  std::uint64_t bytes_after(Lsn ticket) const override { return appended_.value - ticket.value; }
  bool has_room() const override { return room; }

  /// The disk has caught up. Returns the durable LSN, to be handed to the engine.
  Lsn sync() { return durable_ = appended_; }
  Lsn sync_to(Lsn lsn) { return durable_ = std::max(durable_, lsn); }
  /// A new process finds what was durable.
  void crash() {
    std::erase_if(entries, [&](const Entry& entry) { return entry.lsn > durable_; });
    appended_ = durable_;
  }

  std::size_t count(protocol::RecordType type) const {
    std::size_t n = 0;
    for (const auto& entry : entries) n += entry.type == type ? 1 : 0;
    return n;
  }
  std::size_t forced() const {
    std::size_t n = 0;
    for (const auto& entry : entries) n += entry.force == protocol::Force::kYes ? 1 : 0;
    return n;
  }

  std::vector<Entry> entries;
  Lsn released;
  bool room = true;
  bool instant = false;  ///< durable before append() returns

 private:
  Lsn appended_, durable_;
};

}  // namespace troth::tests
