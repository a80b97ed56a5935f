#pragma once
// What of a participant's database outlives its processes, and how clients and checkers see it.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "os/clock.h"
#include "tests/support/random.h"
#include "troth/prepare_by_name.h"
#include "troth/resource_manager.h"

namespace troth::simulation {

struct Rows {
  std::map<std::int64_t, std::vector<std::int64_t>> lists;
  std::map<std::int64_t, std::int64_t> balances;  // a missing one is kStartBalance
  std::set<std::int64_t> schema_changes;          // what the schema shows of them
};
inline constexpr std::int64_t kStartBalance = 100;
inline constexpr std::int64_t kLists = 6, kAccounts = 4;  // at each participant

/// One of the two contracts.
using Manager = std::variant<std::unique_ptr<DeferredApply>, std::unique_ptr<PrepareByName>>;

class StoredFile {
 public:
  virtual ~StoredFile() = default;
  virtual Manager open_manager(const Clock& clock) = 0;
  virtual bool has_schema() const = 0;
  /// `kind`: "append" (key, value) | "read" (key) | "add" (key, amount), refused where the balance
  /// would fall below zero | "change" (any, value), of the schema, where it can be changed.
  virtual Statement statement(const std::string& kind, std::int64_t key,
                              std::int64_t value) const = 0;
  /// What a "read" returned.
  virtual std::vector<std::int64_t> list_of(const StatementResult& result) const = 0;
  /// While no process has it open: what was not forced is kept, lost or torn.
  virtual void power_loss(tests::Random& random) = 0;
  /// The next fsync of the database fails, or no longer does. False if it cannot.
  virtual bool fail_next_sync(bool fail) = 0;
  /// While no process has it open: a copy. Call the result to put it back.
  virtual std::function<void()> snapshot() = 0;
  /// What committed transactions left.
  virtual Rows rows() const = 0;
  /// Not empty: what contradicts itself inside the file.
  virtual std::string problem() const = 0;
};

}  // namespace troth::simulation
