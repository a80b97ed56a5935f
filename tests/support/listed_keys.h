#pragma once
// A key store in memory, for tests and the simulator.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "history/key_store.h"

namespace troth::tests {

/// Stores when it is told to. Outlives the coordinators that use it, like a file.
class ListedKeys final : public history::KeyStore {
 public:
  void add(const protocol::KeyRecord& record) override {
    added_.push_back(record);
    if (on_work) on_work();
  }
  void mark(Lsn lsn, bool soon) override {
    marked_ = lsn;
    hurried = hurried || soon;
    if (soon && on_work && durable_ < marked_) on_work();
  }
  Lsn durable() const override { return durable_; }
  bool used() const override { return used_; }
  void restart_at(Lsn end) override { durable_ = marked_ = end; }
  Result<std::optional<protocol::KeyRecord>> find(const std::string& key) override {
    ++looked;
    if (broken) return fail(ErrorCode::kIo, "keys.db: reading a key: disk I/O error");
    const auto found = stored.find(key);
    if (found == stored.end()) return std::optional<protocol::KeyRecord>();
    return std::optional(found->second);
  }
  void forget_before(WallTime decided) override {
    std::erase_if(stored,
                  [&](const auto& item) { return item.second.decided.unix_ms < decided.unix_ms; });
  }
  std::size_t size() const override { return stored.size() + added_.size(); }
  std::optional<Error> failure() const override { return std::nullopt; }

  void store() {
    used_ = used_ || !added_.empty();
    for (auto& record : std::exchange(added_, {})) stored[record.idempotency_key] = record;
    durable_ = marked_;
  }
  /// What is not stored is lost.
  void crash() {
    added_.clear();
    marked_ = durable_;
  }

  std::function<void()> on_work;  ///< there is something to store
  std::map<std::string, protocol::KeyRecord> stored;
  int looked = 0;
  bool hurried = false, broken = false;

 private:
  std::deque<protocol::KeyRecord> added_;
  Lsn marked_, durable_;
  bool used_ = false;
};

}  // namespace troth::tests
