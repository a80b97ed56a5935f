// What SQLite alone does: an atomic commit over two attached files, and plain updates in large
// transactions as the limit of any agent in front of it.
#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "bench/peers/peer.h"

namespace troth::peers {

namespace {

class File {
 public:
  explicit File(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) fail();
  }
  ~File() {
    for (auto* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void execute(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  sqlite3_stmt* prepare(const std::string& sql) {
    sqlite3_stmt* out = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &out, nullptr) != SQLITE_OK) fail();
    statements_.push_back(out);
    return out;
  }
  void run(sqlite3_stmt* statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail();
    sqlite3_reset(statement);
  }
  void update(sqlite3_stmt* statement, std::int64_t amount, std::int64_t id) {
    sqlite3_bind_int64(statement, 1, amount);
    sqlite3_bind_int64(statement, 2, id);
    run(statement);
    if (sqlite3_changes(db_) != 1) throw std::runtime_error("SQLite: the row was not there");
  }
  void make_accounts(const std::string& journal, std::int64_t accounts) {
    execute("PRAGMA journal_mode = " + journal + "; PRAGMA synchronous = FULL");
    execute(
        fmt::format("CREATE TABLE bench_accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
                    "INSERT INTO bench_accounts SELECT i, 1000 FROM n",
                    accounts));
  }

 private:
  [[noreturn]] void fail() {
    throw std::runtime_error(fmt::format("SQLite: {}", sqlite3_errmsg(db_)));
  }
  sqlite3* db_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

/// One connection for all clients: SQLite has one writer anyway, and waiting in a mutex is cheaper
/// than in its busy handler.
class Attached {
 public:
  explicit Attached(const PeerOptions& options) : first_(options.dir + "/attach1.db") {
    File(options.dir + "/attach2.db").make_accounts("PERSIST", options.accounts);
    first_.make_accounts("PERSIST", options.accounts);
    first_.execute(fmt::format("ATTACH '{}/attach2.db' AS second", options.dir));
    first_.execute("PRAGMA second.journal_mode = PERSIST; PRAGMA second.synchronous = FULL");
    begin_ = first_.prepare("BEGIN IMMEDIATE");
    commit_ = first_.prepare("COMMIT");
    take_ = first_.prepare("UPDATE main.bench_accounts SET balance = balance + ?1 WHERE id = ?2");
    give_ = first_.prepare("UPDATE second.bench_accounts SET balance = balance + ?1 WHERE id = ?2");
  }
  void transfer(std::int64_t from, std::int64_t to) {
    const std::lock_guard lock(mutex_);
    first_.run(begin_);
    first_.update(take_, -1, from);
    first_.update(give_, 1, to);
    first_.run(commit_);
  }

 private:
  std::mutex mutex_;
  File first_;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *take_ = nullptr, *give_ = nullptr;
};

class AttachSession final : public Session {
 public:
  explicit AttachSession(std::shared_ptr<Attached> files) : files_(std::move(files)) {}
  void transfer(std::int64_t from, std::int64_t to) override { files_->transfer(from, to); }

 private:
  std::shared_ptr<Attached> files_;
};

/// Updates of one file in transactions of `group`; how many a second.
double updates_per_second(const std::string& path, const PeerOptions& options, int group) {
  File file(path);
  file.make_accounts("WAL", options.accounts);
  auto* const begin = file.prepare("BEGIN IMMEDIATE");
  auto* const commit = file.prepare("COMMIT");
  auto* const update =
      file.prepare("UPDATE bench_accounts SET balance = balance + ?1 WHERE id = ?2");
  std::uint64_t row = 1, done = 0;
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  while (seconds() < options.seconds) {
    file.run(begin);
    for (int i = 0; i < group; ++i) {
      row = row * 6364136223846793005u + 1442695040888963407u;
      file.update(
          update, 1,
          static_cast<std::int64_t>((row >> 33) % static_cast<std::uint64_t>(options.accounts)) +
              1);
    }
    file.run(commit);
    done += static_cast<std::uint64_t>(group);
  }
  return static_cast<double>(done) / seconds();
}

}  // namespace

MakeSession attach_sessions(const PeerOptions& options) {
  const auto files = std::make_shared<Attached>(options);
  return [files](int) { return std::make_unique<AttachSession>(files); };
}

std::string measure_sqlite_updates(const PeerOptions& options) {
  const double single = updates_per_second(options.dir + "/updates0.db", options, 1);
  const double alone = updates_per_second(options.dir + "/updates1.db", options, 1000);
  double two[2] = {0, 0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&, i] {
        two[i] =
            updates_per_second(fmt::format("{}/updates{}.db", options.dir, i + 2), options, 1000);
      });
  }
  return fmt::format(
      R"({{"one_file_by_1_per_s": {:.0f}, "one_file_by_1000_per_s": {:.0f}, "two_files_by_1000_per_s": {:.0f}}})",
      single, alone, two[0] + two[1]);
}

}  // namespace troth::peers
