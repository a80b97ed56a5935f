#pragma once
// An outcome store in memory, for tests.

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "history/outcome_store.h"

namespace troth::tests {

/// Stores when it is told to. Outlives the coordinators that use it, like a file.
class ListedOutcomes final : public history::OutcomeStore {
 public:
  void add(history::EndedTransaction&& ended) override {
    added_.push_back(std::move(ended));
    if (on_work) on_work();
  }
  void mark(Lsn lsn, bool soon) override {
    marked_ = lsn;
    if (soon && on_work && durable_ < marked_) on_work();
  }
  Lsn durable() const override { return durable_; }
  void start_over(const history::Forgotten& below) override {
    stored.clear();
    durable_ = marked_ = {};
    forget(below);
  }
  void forget(const history::Forgotten& below) override {
    forgotten_.last = std::max(forgotten_.last, below.last);
    forgotten_.when = std::max(forgotten_.when, below.when);
  }
  Result<std::optional<history::EndedTransaction>> find(const Gtid& gtid) override {
    if (broken) return fail(ErrorCode::kIo, "outcomes.db: disk I/O error");
    const auto found = stored.find(gtid);
    if (found == stored.end()) return std::optional<history::EndedTransaction>();
    return std::optional(found->second);
  }
  history::Forgotten forgotten() const override { return forgotten_; }
  Result<history::EndedPage> list(const history::EndedQuery&) override {
    history::EndedPage page;
    for (const auto& [gtid, ended] : stored) page.ended.push_back(ended);
    return page;
  }
  history::OutcomeStoreUse use() const override { return {0, stored.size(), dropped}; }
  std::optional<Error> failure() const override {
    if (failed) return Error{ErrorCode::kIo, "outcomes.db: disk I/O error"};
    return std::nullopt;
  }

  void store() {
    for (auto& ended : std::exchange(added_, {})) stored[ended.gtid] = ended;
    durable_ = marked_;
  }
  /// What is not stored is lost.
  void crash() {
    added_.clear();
    marked_ = durable_;
  }

  /// Everything is stored, and it does not know.
  void restart_behind() { durable_ = marked_ = {}; }

  std::function<void()> on_work;  ///< there is something to store
  std::map<Gtid, history::EndedTransaction> stored;
  bool broken = false, failed = false;
  std::uint64_t dropped = 0;

 private:
  std::vector<history::EndedTransaction> added_;
  Lsn marked_, durable_;
  history::Forgotten forgotten_;
};

}  // namespace troth::tests
