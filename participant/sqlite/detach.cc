#include "participant/sqlite/detach.h"

#include <fmt/format.h>

#include "participant/sqlite/connection.h"

namespace troth::participant {

Status detach_database(const std::string& path) {
  using sqlite::Connection;
  TROTH_ASSIGN_OR_RETURN(const auto db, Connection::open(path, SQLITE_OPEN_READWRITE, nullptr));
  const auto all = [&]() -> Status {
    TROTH_TRY(db->execute("PRAGMA synchronous=FULL"));
    // The marker goes last: while it is there, this can be repeated.
    TROTH_ASSIGN_OR_RETURN(const auto busy, db->integer("PRAGMA wal_checkpoint(TRUNCATE)"));
    const auto mode = busy == 0 ? db->text("PRAGMA journal_mode=DELETE") : std::string("wal");
    if (!mode && mode.error().code != ErrorCode::kBusy) return fail(mode.error());
    if (!mode || *mode != "delete")
      return fail(ErrorCode::kFenced,
                  "another program uses it, so it stays in WAL mode; end that program and repeat");
    return db->execute("BEGIN IMMEDIATE; DROP TABLE IF EXISTS main.troth_applied; COMMIT");
  };
  if (const auto done = all(); !done)
    return fail(done.error(), fmt::format("cannot detach {}", path));
  return {};
}

}  // namespace troth::participant
