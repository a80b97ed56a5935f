// An application that embeds the agent: it writes through agent.transact(), grouped and durable,
// and reads its own file with plain SQLite. Usage: embedded_example DATABASE DATA_DIR   (the
// database is made with: sqlite3 FILE "CREATE TABLE hits(page TEXT PRIMARY KEY NOT NULL, n INT NOT
// NULL)") Runs 4 threads x 50 increments, restarts the agent in between, and checks that every one
// of them is in the file.
#include <sqlite3.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "troth/agent.h"
#include "troth/sqlite.h"

using namespace troth;

namespace {

std::int64_t read_sum(const std::string& path) {
  sqlite3* db = nullptr;
  std::int64_t sum = -1;
  sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_stmt* stmt = nullptr;
  if (sqlite3_prepare_v2(db, "SELECT coalesce(sum(n), 0) FROM hits", -1, &stmt, nullptr) ==
          SQLITE_OK &&
      sqlite3_step(stmt) == SQLITE_ROW)
    sum = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  return sum;
}

Result<Agent> start(const std::string& database, const std::string& data_dir) {
  AgentOptions options;
  options.data_dir = data_dir;
  SqliteOptions sqlite;
  sqlite.path = database;
  return Agent::start(options, make_sqlite_resource_manager(sqlite));
}

int count_from_threads(Agent& agent) {
  std::atomic<int> committed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&agent, &committed, t] {
      for (int i = 0; i < 50; ++i) {
        const auto outcome = agent.transact(
            {{"INSERT INTO hits VALUES (?1, 1) ON CONFLICT(page) DO UPDATE SET n = n + 1",
              {std::string("/page-" + std::to_string(t))},
              {}}});
        if (outcome.outcome == Outcome::kCommitted) ++committed;
      }
    });
  }
  threads.clear();
  return committed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: embedded_example DATABASE DATA_DIR\n"), 64;
  const auto before = read_sum(argv[1]);
  if (before < 0) return std::fprintf(stderr, "%s has no table hits(page, n)\n", argv[1]), 64;
  const auto made = Agent::init(argv[2], NodeName::from_trusted("app"));
  if (!made && made.error().code != ErrorCode::kAlreadyExists)
    return std::fprintf(stderr, "%s\n", made.error().context.c_str()), 1;
  int committed = 0;
  for (int run = 0; run < 2; ++run) {
    auto agent = start(argv[1], argv[2]);
    if (!agent)
      return std::fprintf(stderr, "%s\n", agent.error().context.c_str()),
             exit_code(agent.error().code);
    committed += count_from_threads(*agent);
    agent->drain(std::chrono::seconds(5));
    agent->stop();
  }
  const auto after = read_sum(argv[1]);
  std::printf("committed %d increments, the file holds %lld more than before\n", committed,
              static_cast<long long>(after - before));
  return after - before == committed && committed > 0 ? 0 : 1;
}
