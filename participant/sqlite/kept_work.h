#pragma once
// The work of one open interactive branch that stays in the database, inside a savepoint, until
// another user of the file needs it gone. Invariant: at most one branch's work is in place, and
// nothing but the executor runs while it is. Worker thread only.

#include <cstdint>
#include <optional>
#include <set>

#include "participant/sqlite/savepoint.h"
#include "participant/sqlite/virtual_tables.h"
#include "troth/ids.h"

namespace troth::participant::sqlite {

class KeptWork {
 public:
  KeptWork(Connection& db, VirtualTables& virtual_tables)
      : virtual_tables_(virtual_tables), savepoint_(db, "troth_open") {}

  bool any() const { return owner_.has_value(); }
  bool is_of(const Gtid& gtid) const { return owner_ == gtid; }
  /// The following work belongs to `gtid`. Precondition: no work is in place.
  Status begin(const Gtid& gtid) {
    TROTH_TRY(savepoint_.begin());
    owner_ = gtid;
    overlaid_.clear();
    saw_virtual_ = false;
    return {};
  }
  /// Takes it out.
  Status drop() {
    if (!owner_) return {};
    owner_.reset();
    TROTH_TRY(savepoint_.rollback());
    TROTH_TRY(savepoint_.release());
    return saw_virtual_ ? virtual_tables_.forget() : Status{};
  }
  /// A statement has read virtual tables with the work in place: they must not remember it.
  void saw_virtual_tables() { saw_virtual_ = true; }
  /// SQLite has rolled everything back.
  void forget() { owner_.reset(); }
  /// Has nothing been asked about `table` since begin()?
  bool first_time(std::uint32_t table) { return overlaid_.insert(table).second; }

 private:
  std::optional<Gtid> owner_;
  std::set<std::uint32_t> overlaid_;
  bool saw_virtual_ = false;
  VirtualTables& virtual_tables_;
  Savepoint savepoint_;
};

}  // namespace troth::participant::sqlite
