#include "participant/sqlite/side_effects.h"

#include "base/assert.h"

namespace troth::participant::sqlite {

void SideEffects::set(bool on) {
  if (on == on_) return;
  on_ = on;
  const auto configure = [this](int option, bool value) {
    const int rc = sqlite3_db_config(db_.get(), option, value ? 1 : 0, nullptr);
    TROTH_ASSERT(rc == SQLITE_OK, "sqlite3_db_config({}) returned {}", option, rc);
  };
  configure(SQLITE_DBCONFIG_ENABLE_FKEY, on && db_.traits().foreign_keys);
  configure(SQLITE_DBCONFIG_ENABLE_TRIGGER, on);
  // Shadow tables of virtual tables are redone by value; clients never write them.
  configure(SQLITE_DBCONFIG_DEFENSIVE, on);
}

}  // namespace troth::participant::sqlite
