#include "tests/simulation/sqlite_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/assert.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "tests/simulation/lossy_vfs.h"

namespace troth::simulation {

using namespace protocol;
using participant::sqlite::Connection;

namespace {

constexpr const char* kSchema = R"(
  CREATE TABLE lists(k INTEGER PRIMARY KEY, v TEXT NOT NULL);
  CREATE TABLE accounts(k INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK(balance >= 0));
  CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, k INTEGER NOT NULL,
                       v TEXT NOT NULL UNIQUE);
  CREATE TRIGGER note AFTER UPDATE ON lists BEGIN
    INSERT INTO journal(k, v) VALUES(new.k, substr(new.v, length(old.v) + 1));
  END;
)";

std::unique_ptr<Connection> connect(const std::string& path, int flags) {
  auto db = Connection::open(path, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  TROTH_ASSERT(db, "{}: {}", path, db.error().context);
  return std::move(*db);
}

std::vector<std::int64_t> numbers_of(const std::string& text) {
  std::vector<std::int64_t> out;
  for (std::size_t at = 0; at < text.size(); at = text.find(',', at) + 1)
    out.push_back(std::strtoll(text.c_str() + at, nullptr, 10));
  return out;
}

// A real disk would only cost time: what is lost and kept is the business of lossy_vfs.
std::filesystem::path directory() {
  const std::filesystem::path memory("/dev/shm");
  const bool chosen = std::getenv("TMPDIR") != nullptr;
  return !chosen && ::access(memory.c_str(), W_OK) == 0 ? memory
                                                        : std::filesystem::temp_directory_path();
}

}  // namespace

SqliteFile::SqliteFile(std::uint64_t seed, const std::string& name)
    : path_((directory() / fmt::format("troth-sim-{}-{}-{}.db", getpid(), seed, name)).string()) {
  install_lossy_vfs();
  drop_database(path_);
  const auto db = connect(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  auto made = db->execute(fmt::format("BEGIN; {}", kSchema));
  for (std::int64_t k = 0; made && k < kLists; ++k)
    made = db->execute(fmt::format("INSERT INTO lists VALUES({}, '')", k));
  for (std::int64_t k = 0; made && k < kAccounts; ++k)
    made = db->execute(fmt::format("INSERT INTO accounts VALUES({}, {})", k, kStartBalance));
  if (made) made = db->execute("COMMIT");
  TROTH_ASSERT(made, "{}: {}", path_, made.error().context);
  force_database(path_);
}

SqliteFile::~SqliteFile() {
  drop_database(path_);
}

Manager SqliteFile::open_manager(const Clock& clock) {
  SqliteOptions options;
  options.path = path_;
  options.cache_bytes = 1 << 20;
  options.checkpoint_wal_bytes = 60'000;
  return participant::make_sqlite_resource_manager(std::move(options), clock, Logger());
}

Statement SqliteFile::statement(const std::string& kind, std::int64_t key,
                                std::int64_t value) const {
  if (kind == "read") return {"SELECT v FROM lists WHERE k = ?1", {key}, {}};
  if (kind == "append")
    return {"UPDATE lists SET v = v || ?2 || ',' WHERE k = ?1", {key, value}, {}};
  if (kind == "change") {
    const std::string changes[] = {
        fmt::format("CREATE TABLE made{}(k INTEGER PRIMARY KEY)", value),
        fmt::format("ALTER TABLE lists ADD COLUMN made{} TEXT", value),
        fmt::format("CREATE INDEX made{} ON journal(k)", value),
    };
    return {changes[static_cast<std::size_t>(key) % std::size(changes)], {}, {}};
  }
  return {"UPDATE accounts SET balance = balance + ?2 WHERE k = ?1", {key, value}, {}};
}

std::vector<std::int64_t> SqliteFile::list_of(const StatementResult& result) const {
  return numbers_of(std::get<std::string>(result.rows.at(0).at(0)));
}

void SqliteFile::power_loss(tests::Random& random) {
  cut_power_under(path_, random);
}

bool SqliteFile::fail_next_sync(bool fail) {
  fail_next_sync_of(path_, fail);
  return true;
}

std::function<void()> SqliteFile::snapshot() {
  return copy_database(path_);
}

Rows SqliteFile::rows() const {
  const auto db = connect(path_, SQLITE_OPEN_READWRITE);
  Rows out;
  auto lists = db->prepare("SELECT k, v FROM lists WHERE v <> ''");
  TROTH_ASSERT(lists, "{}: {}", path_, lists.error().context);
  while (lists->step() == SQLITE_ROW) out.lists[lists->integer(0)] = numbers_of(lists->text(1));
  auto accounts = db->prepare("SELECT k, balance FROM accounts");
  TROTH_ASSERT(accounts, "{}: {}", path_, accounts.error().context);
  while (accounts->step() == SQLITE_ROW) out.balances[accounts->integer(0)] = accounts->integer(1);
  auto made = db->prepare(
      "SELECT substr(name, 5) FROM (SELECT name FROM sqlite_schema "
      "UNION ALL SELECT name FROM pragma_table_info('lists')) WHERE name GLOB 'made*'");
  TROTH_ASSERT(made, "{}: {}", path_, made.error().context);
  while (made->step() == SQLITE_ROW) out.schema_changes.insert(made->integer(0));
  return out;
}

std::string SqliteFile::problem() const {
  const auto db = connect(path_, SQLITE_OPEN_READWRITE);
  const auto whole = db->text("PRAGMA integrity_check");
  if (!whole) return whole.error().context;
  if (*whole != "ok") return *whole;
  // The journal's entries of a list, one behind the other in any order, are as long as the list.
  const auto differing = db->integer(
      "SELECT count(*) FROM lists WHERE length(v) <> "
      "(SELECT coalesce(sum(length(j.v)), 0) FROM journal j WHERE j.k = lists.k)");
  if (!differing) return differing.error().context;
  return *differing == 0 ? "" : fmt::format("{} lists differ from their journal", *differing);
}

}  // namespace troth::simulation
