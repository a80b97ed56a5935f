#include "participant/sqlite/marker.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "os/file.h"
#include "participant/sqlite/file_claim.h"

namespace troth::participant::sqlite {

Result<OpenedDatabase> read_marker(Connection& connection, const std::string& path) {
  OpenedDatabase opened;
  TROTH_ASSIGN_OR_RETURN(
      const auto tables,
      connection.integer("SELECT count(*) FROM sqlite_schema WHERE name='troth_applied'"));
  if (tables == 0) {
    opened.is_new = true;
    return opened;
  }
  TROTH_ASSIGN_OR_RETURN(
      auto row,
      connection.prepare("SELECT format, log_id, participant, lsn FROM troth_applied WHERE id=1"));
  if (row.step() != SQLITE_ROW)
    return fail(ErrorCode::kCorruption, fmt::format("the marker row of {} is missing", path));
  if (row.integer(0) != kMarkerFormat)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the marker of {} was written by a newer version", path));
  TROTH_ASSIGN_OR_RETURN(opened.log_id, LogId::parse(row.text(1)));
  TROTH_ASSIGN_OR_RETURN(opened.participant, NodeName::parse(row.text(2)));
  opened.applied = {static_cast<std::uint64_t>(row.integer(3))};
  return opened;
}

Result<OpenedDatabase> look_at_database(const std::string& path) {
  const auto files = make_posix_file_system();
  TROTH_ASSIGN_OR_RETURN(const bool there, files->exists(path));
  if (!there) return fail(ErrorCode::kNotFound, fmt::format("database {} does not exist", path));
  if (::access(path.c_str(), W_OK) != 0)
    return fail(ErrorCode::kIo, fmt::format("database {} cannot be written", path));
  TROTH_ASSIGN_OR_RETURN(const auto claim, FileClaim::take(*files, path));
  TROTH_ASSIGN_OR_RETURN(
      const auto connection,
      Connection::open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr));
  auto marker = read_marker(*connection, path);
  if (!marker) return fail(marker.error(), fmt::format("database {}", path));
  return marker;
}

}  // namespace troth::participant::sqlite
