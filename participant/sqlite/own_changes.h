#pragma once
// Schema changes that the agent made itself, noted in the file beside the marker. They move no
// rowids, so that a redo from before them still names its rows; VACUUM by another program does, and
// leaves no note.

#include <cstdint>
#include <optional>

#include "participant/sqlite/connection.h"
#include "troth/result.h"

namespace troth::participant::sqlite {

struct OwnChanges {
  std::int64_t version = 0;       ///< of the schema after the last one
  std::int64_t rowids_since = 0;  ///< the version before the first one in an unbroken row

  /// Nothing if a version up to 0.1 claimed the database: its marker has no room for the note.
  static Result<std::optional<OwnChanges>> read(Connection& db);
  /// In the transaction that changed the schema, which had the version `before`.
  static Status note(Connection& db, std::int64_t before);
  /// After a VACUUM by the agent, which gives hidden rowids new numbers.
  static Status forget_rowids(Connection& db);

  /// Whether rowids as of `then` name the same rows in a schema of version `now`.
  bool rowids_hold(std::int64_t then, std::int64_t now) const {
    return version == now && rowids_since <= then && then <= now;
  }
};

}  // namespace troth::participant::sqlite
