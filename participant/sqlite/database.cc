#include "participant/sqlite/database.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "base/settings.h"
#include "os/failpoint.h"
#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/bounded_functions.h"
#include "participant/sqlite/marker.h"
#include "participant/sqlite/shim_vfs.h"

namespace troth::participant::sqlite {

namespace {

void forbid_memory_statistics() {
  // Global and only possible before the first open; saves a mutex per allocation (participant.md
  // section 2).
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(once);
}

// For a checkpoint that waits for readers.
struct Waiting {
  const Clock& clock;
  MonotonicTime until;
  static int go_on(void* self, int) {
    const auto& waiting = *static_cast<Waiting*>(self);
    if (waiting.clock.now() >= waiting.until) return 0;
    sqlite3_sleep(1);
    return 1;
  }
};

// SQLite writes less than 128 KiB at once.
int write_wal(sqlite3_file& wal, std::uint64_t at, std::string_view data) {
  constexpr std::size_t kPart = 64 << 10;
  int rc = SQLITE_OK;
  for (; !data.empty() && rc == SQLITE_OK; at += kPart) {
    const auto part = data.substr(0, kPart);
    rc = wal.pMethods->xWrite(&wal, part.data(), static_cast<int>(part.size()),
                              static_cast<sqlite3_int64>(at));
    data.remove_prefix(part.size());
  }
  return rc;
}

}  // namespace

Database::Database(SqliteOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      bound_(options_.checkpoint_wal_bytes, clock),
      files_(make_posix_file_system()) {}

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const SqliteOptions& options, const Clock& clock) {
  forbid_memory_statistics();
  install_allocation_budgets();
  auto database = std::unique_ptr<Database>(new Database(options, clock));
  TROTH_ASSIGN_OR_RETURN(const bool there, database->files_->exists(options.path));
  if (!there)
    return fail(
        ErrorCode::kNotFound,
        fmt::format(
            "database {} does not exist; create it with sqlite3 first, the agent never makes one",
            options.path));
  TROTH_TRY(check_may_write(options.path));
  TROTH_ASSIGN_OR_RETURN(database->claim_, FileClaim::take(*database->files_, options.path));
  TROTH_ASSIGN_OR_RETURN(
      database->connection_,
      Connection::open(options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, holding_vfs()));
  if (const auto configured = database->configure(); !configured)
    return fail(configured.error(), fmt::format("database {}", options.path));
  database->claim_->own_write_ended();
  database->kept_.emplace(*database->files_, database->files());
  TROTH_TRY(database->still_kept());
  return database;
}

// What every connection needs that runs statements of clients.
Status Database::prepare_for_clients(Connection& db, const SqliteOptions& options) {
  set_statement_limits(db.get());
  TROTH_TRY(install_bounded_functions(db.get()));
  TROTH_TRY(db.set_traits({options.foreign_keys, options.extensions}));
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, nullptr);
  return db.execute("PRAGMA temp_store=MEMORY");
}

Result<std::unique_ptr<Connection>> Database::open_reader(const SqliteOptions& options) {
  constexpr int kBusyMs = 2000;                      // while another program recovers the -wal
  constexpr std::uint64_t kShareOfCache = 8 * 1024;  // an eighth of the writer's, in KiB
  TROTH_ASSIGN_OR_RETURN(
      auto db, Connection::open(options.path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr));
  sqlite3_busy_timeout(db->get(), kBusyMs);
  TROTH_TRY(prepare_for_clients(*db, options));
  TROTH_TRY(db->execute(fmt::format("PRAGMA cache_size=-{}", options.cache_bytes / kShareOfCache)));
  return db;
}

Status Database::configure() {
  auto& db = *connection_;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(options_.busy_wait);
  sqlite3_busy_timeout(db.get(), static_cast<int>(wait.count()));
  TROTH_TRY(prepare_for_clients(db, options_));
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // NORMAL is enough: rows that a power cut takes from the file are in the agent's own log
  // (participant.md 5.6).
  TROTH_TRY(told_if_locked(db.execute("PRAGMA synchronous=NORMAL")));
  TROTH_TRY(
      db.execute(options_.foreign_keys ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF"));
  TROTH_TRY(db.execute("PRAGMA wal_autocheckpoint=0"));
  // Every branch is rolled back to its savepoint. SQLite (seen in 3.40.1) then loses the chain of
  // checksums in its -wal if a page was written there twice inside the savepoint to make room. The
  // next recovery then cuts off all later commits. So changed pages stay in memory until the
  // commit.
  TROTH_TRY(db.execute("PRAGMA cache_spill=OFF"));
  return db.execute(fmt::format("PRAGMA cache_size=-{}", options_.cache_bytes / 1024));
}

Status Database::enter_wal_mode() {
  auto& db = *connection_;
  TROTH_ASSIGN_OR_RETURN(const auto before, db.text("PRAGMA journal_mode"));
  const auto until = clock_.now() + options_.busy_wait;
  auto switched = db.text("PRAGMA journal_mode=WAL");
  // SQLite asks no busy handler here while another program writes.
  while (!switched && switched.error().code == ErrorCode::kBusy && clock_.now() < until) {
    constexpr int kPauseMs = 20;
    sqlite3_sleep(kPauseMs);
    switched = db.text("PRAGMA journal_mode=WAL");
  }
  if (!switched) return told_if_locked(fail(switched.error()));
  was_converted_ = *switched != before;
  if (*switched != "wal")
    return fail(
        ErrorCode::kUnsupported,
        fmt::format(
            "database {} cannot use WAL mode (it stays in {}); close other programs that use it",
            options_.path, *switched));
  // If readers have let it grow, it shrinks when it is restarted.
  TROTH_TRY(db.execute(fmt::format("PRAGMA journal_size_limit={}", options_.checkpoint_wal_bytes)));
  claim_->own_write_ended();
  return {};
}

Result<OpenedDatabase> Database::read_marker() {
  auto& db = *connection_;
  TROTH_ASSIGN_OR_RETURN(auto marker, sqlite::read_marker(db, options_.path));
  if (marker.is_new) return marker;
  TROTH_ASSIGN_OR_RETURN(checkpointed_, noted_checkpoint(db));
  if (checkpointed_) TROTH_TRY(check_wal_belongs(options_.path, *checkpointed_));
  marker_ = marker.applied;
  return marker;
}

Status Database::create_marker(const LogId& log_id, const NodeName& participant) {
  auto& db = *connection_;
  TROTH_TRY(db.execute("PRAGMA synchronous=FULL"));
  TROTH_TRY(db.execute(
      fmt::format("BEGIN IMMEDIATE; CREATE TABLE troth_applied(id INTEGER PRIMARY KEY CHECK(id=1), "
                  "format INTEGER NOT NULL, "
                  "log_id TEXT NOT NULL, participant TEXT NOT NULL, lsn INTEGER NOT NULL, "
                  "schema_version INTEGER NOT NULL, rowids_since INTEGER NOT NULL, "
                  "checkpointed INTEGER NOT NULL);"
                  "INSERT INTO troth_applied VALUES(1,{},'{}','{}',0,0,0,0); COMMIT",
                  kMarkerFormat, log_id, participant)));
  checkpointed_ = Lsn{};
  return db.execute("PRAGMA synchronous=NORMAL");
}

void Database::end_busy_wait() {
  sqlite3_busy_timeout(connection_->get(), 0);
}

Status Database::told_if_locked(Status done) const {
  if (done || done.error().code != ErrorCode::kBusy) return done;
  return fail(ErrorCode::kBusy,
              fmt::format("another agent or program has kept it locked for more than {}; end that "
                          "program, or wait for it, then start again",
                          duration_text(options_.busy_wait)));
}

Status Database::begin() {
  const auto begun = told_if_locked(connection_->execute("BEGIN IMMEDIATE"));
  return begun ? begun : fail(begun.error(), fmt::format("database {}", options_.path));
}

Status Database::commit(Lsn marker) {
  if (set_marker_.get() == nullptr) {
    TROTH_ASSIGN_OR_RETURN(
        set_marker_,
        connection_->prepare(
            checkpointed_ ? "UPDATE main.troth_applied SET lsn=?1, checkpointed=?2 WHERE id=1"
                          : "UPDATE main.troth_applied SET lsn=?1 WHERE id=1",
            true));
  }
  set_marker_.bind(1, static_cast<std::int64_t>(marker.value));
  if (checkpointed_) set_marker_.bind(2, static_cast<std::int64_t>(checkpointed_->value));
  const int rc = set_marker_.step();
  set_marker_.reset();
  if (rc != SQLITE_DONE) return fail(error_of(connection_->get(), "cannot write the marker row"));
  TROTH_FAILPOINT_STATUS("sqlite.commit.before");
  TROTH_TRY(connection_->execute("COMMIT"));
  TROTH_FAILPOINT_STATUS("sqlite.commit.after");
  marker_ = marker;
  start_writeback();
  return still_kept();
}

// Without it, sync_wal() would find a second's work in the cache. It would keep this thread, and
// every force of a log on the same device, waiting for tens of milliseconds.
void Database::start_writeback() {
  if (wal_ == nullptr) {
    auto opened = files_->open(wal_path(), OpenMode::kReadOnly);
    if (!opened) return;
    wal_ = std::move(*opened);
  }
  wal_->start_writeback();
}

Status Database::rollback() {
  return connection_->in_transaction() ? connection_->execute("ROLLBACK") : Status{};
}

Result<sqlite3_file*> Database::wal_file() {
  sqlite3_file* wal = nullptr;
  if (sqlite3_file_control(connection_->get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) !=
          SQLITE_OK ||
      wal == nullptr || wal->pMethods == nullptr)
    return fail(ErrorCode::kIo, "SQLite gives no handle of its -wal file");
  return wal;
}

Status Database::sync_wal() {
  TROTH_ASSIGN_OR_RETURN(auto* const wal, wal_file());
  if (wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
    return fail(ErrorCode::kIo, fmt::format("fdatasync of {}-wal failed", options_.path));
  return still_kept();
}

// The bytes are safe in files that no start may find.
Status Database::still_kept() {
  if (auto changed = kept_->look()) return fail(ErrorCode::kFenced, std::move(*changed));
  return {};
}

Status Database::rewrite_wal() {
  constexpr std::uint64_t kChunk = 8 << 20;  // longer than any page of the cache
  TROTH_ASSIGN_OR_RETURN(auto* const wal, wal_file());
  sqlite3_int64 bytes = 0;
  if (wal->pMethods->xFileSize(wal, &bytes) != SQLITE_OK)
    return fail(ErrorCode::kIo, fmt::format("cannot read the size of {}-wal", options_.path));
  if (bytes == 0) return {};
  const auto size = static_cast<std::uint64_t>(bytes);
  // So that the cache can be dropped. The failure may be of an earlier process, which could not
  // report it; in both cases missing data is written again, and the force below decides.
  static_cast<void>(sync_wal());
  TROTH_ASSIGN_OR_RETURN(const auto file, files_->open(wal_path(), OpenMode::kReadOnly));
  for (std::uint64_t at = 0; at < size; at += kChunk) {
    const auto length = std::min(kChunk, size - at);
    TROTH_ASSIGN_OR_RETURN(const auto shown, file->read_at(at, length));
    TROTH_TRY(file->forget_cache(at, length));
    TROTH_ASSIGN_OR_RETURN(const bool cached, file->is_cached(at, length));
    if (!cached) {
      TROTH_ASSIGN_OR_RETURN(const auto on_disk, file->read_at(at, length));
      if (on_disk == shown) continue;
    }
    if (const int rc = write_wal(*wal, at, shown); rc != SQLITE_OK)
      return fail(ErrorCode::kIo, fmt::format("cannot write {}-wal again, {} bytes at {}: {}",
                                              options_.path, length, at, sqlite3_errstr(rc)));
  }
  return sync_wal();
}

Status Database::checkpoint() {
  TROTH_FAILPOINT("sqlite.checkpoint.before");
  const auto patience = bound_.patience(wal_bytes());
  Waiting waiting{clock_, clock_.now() + patience};
  if (patience.count() > 0) sqlite3_busy_handler(connection_->get(), &Waiting::go_on, &waiting);
  // RESTART so that the next writer begins at the front of the -wal; readers that pin it only cost
  // disk, never progress.
  const int rc = sqlite3_wal_checkpoint_v2(connection_->get(), "main", SQLITE_CHECKPOINT_RESTART,
                                           nullptr, nullptr);
  sqlite3_busy_handler(connection_->get(), nullptr, nullptr);
  claim_->own_write_ended();
  bound_.checkpointed(rc == SQLITE_OK, patience);
  if (rc == SQLITE_OK && checkpointed_) checkpointed_ = marker_;
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
    return fail(error_of(connection_->get(), "checkpoint failed"));
  return {};
}

std::string Database::why_wal_is_long() const {
  std::string pids;
  for (const int pid : processes_reading(shm_path())) pids += fmt::format(" {}", pid);
  return fmt::format(
      "{} has {} MiB, its limit is {} MiB (setting database-wal-bytes): readers that overlap or do "
      "not end keep it; {}; end their read transactions",
      wal_path(), wal_bytes() >> 20, options_.checkpoint_wal_bytes >> 20,
      pids.empty() ? "they are inside this participant (long reads)"
                   : "processes that read now:" + pids);
}

void Database::checkpoint_at_close() {
  // A failure costs nothing: the -wal stays and the next open reads it.
  static_cast<void>(sqlite3_wal_checkpoint_v2(connection_->get(), "main",
                                              SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr));
}

std::string Database::file_path() const {
  return sqlite3_db_filename(connection_->get(), "main");
}

// Beside the file itself, where symbolic links to it end.
std::string Database::wal_path() const {
  return sqlite3_filename_wal(sqlite3_db_filename(connection_->get(), "main"));
}

std::string Database::shm_path() const {
  return file_path() + "-shm";
}

std::uint64_t Database::wal_bytes() const {
  return size_of(SQLITE_FCNTL_JOURNAL_POINTER);
}

std::uint64_t Database::database_bytes() const {
  return size_of(SQLITE_FCNTL_FILE_POINTER);
}

std::uint64_t Database::size_of(int which) const {
  sqlite3_file* file = nullptr;
  sqlite3_int64 bytes = 0;
  if (sqlite3_file_control(connection_->get(), "main", which, &file) != SQLITE_OK ||
      file == nullptr || file->pMethods == nullptr ||
      file->pMethods->xFileSize(file, &bytes) != SQLITE_OK)
    return 0;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace troth::participant::sqlite
