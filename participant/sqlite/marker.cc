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
      const auto columns,
      connection.integer("SELECT count(*) FROM pragma_table_info('troth_applied') WHERE name IN "
                         "('format', 'log_id', 'participant', 'lsn')"));
  if (columns != 4)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the table troth_applied of {} is the application's own; rename it, "
                            "because troth keeps its marker under this name",
                            path));
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

namespace {

// SQLite reads it without its -wal, locks nothing and makes no file.
Result<std::unique_ptr<Connection>> open_without_wal(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return Connection::open(uri + "?immutable=1",
                          SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
}

// What the file without its -wal holds. nullopt: it cannot be read alone, because a crash has cut a
// checkpoint off.
std::optional<Lsn> marker_without_wal(const std::string& path) {
  const auto alone = open_without_wal(path);
  if (!alone) return std::nullopt;
  const auto tables =
      (*alone)->integer("SELECT count(*) FROM sqlite_schema WHERE name='troth_applied'");
  if (!tables) return std::nullopt;
  if (*tables == 0) return Lsn{};
  const auto lsn = (*alone)->integer("SELECT lsn FROM troth_applied WHERE id=1");
  if (!lsn) return std::nullopt;
  return Lsn{static_cast<std::uint64_t>(*lsn)};
}

}  // namespace

Result<std::optional<Lsn>> noted_checkpoint(Connection& connection) {
  TROTH_ASSIGN_OR_RETURN(const auto columns,
                         connection.integer("SELECT count(*) FROM pragma_table_info("
                                            "'troth_applied') WHERE name='checkpointed'"));
  if (columns == 0) return std::optional<Lsn>{};
  TROTH_ASSIGN_OR_RETURN(const auto number,
                         connection.integer("SELECT checkpointed FROM troth_applied WHERE id=1"));
  return std::optional<Lsn>{Lsn{static_cast<std::uint64_t>(number)}};
}

Status check_wal_belongs(const std::string& path, Lsn checkpointed) {
  const auto held = marker_without_wal(path);
  if (!held || *held >= checkpointed) return {};
  return fail(
      ErrorCode::kLostMemory,
      fmt::format("{0} holds work up to LSN {1}, and its -wal goes on from LSN {2}: an older "
                  "copy was put in the place of the file. Remove {0}-wal and {0}-shm and "
                  "start again; the log brings the copy up to date",
                  path, *held, checkpointed));
}

Result<OpenedDatabase> look_at_database(const std::string& path) {
  const auto files = make_posix_file_system();
  TROTH_ASSIGN_OR_RETURN(const bool there, files->exists(path));
  if (!there) return fail(ErrorCode::kNotFound, fmt::format("database {} does not exist", path));
  TROTH_TRY(check_may_write(path));
  TROTH_ASSIGN_OR_RETURN(const auto claim, FileClaim::take(*files, path));
  TROTH_ASSIGN_OR_RETURN(
      const auto connection,
      Connection::open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr));
  auto marker = read_marker(*connection, path);
  if (!marker) return fail(marker.error(), fmt::format("database {}", path));
  if (marker->is_new) return marker;
  TROTH_ASSIGN_OR_RETURN(const auto checkpointed, noted_checkpoint(*connection));
  if (checkpointed) TROTH_TRY(check_wal_belongs(path, *checkpointed));
  return marker;
}

}  // namespace troth::participant::sqlite
