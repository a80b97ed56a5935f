#pragma once
// What the load loop needs of a system under comparison.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troth::peers {

/// One client: moves 1 from an account of the first database to one of the second, durably and
/// atomically, one at a time. Throws std::runtime_error when anything but a commit comes out.
class Session {
 public:
  virtual ~Session() = default;
  virtual void transfer(std::int64_t from, std::int64_t to) = 0;
};

using MakeSession = std::function<std::unique_ptr<Session>(int client)>;

struct PeerOptions {
  std::vector<std::string> at;  ///< the two servers
  std::string dir;              ///< for files of our own: databases, the decision log
  int clients = 1;
  double seconds = 2;
  double warmup = 0.5;
  std::int64_t accounts = 100'000;
};

/// Decisions of a transaction manager: append() returns when the record is on disk; whoever waits
/// together is forced together.
class DecisionLog {
 public:
  explicit DecisionLog(const std::string& path);
  ~DecisionLog();
  void append(const std::string& gtid);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Both servers hold half of the accounts: bench_accounts(id, balance).
MakeSession postgres_sessions(const PeerOptions& options, std::shared_ptr<DecisionLog> log);
MakeSession mariadb_sessions(const PeerOptions& options, std::shared_ptr<DecisionLog> log);
/// One process, two files under one rollback journal: SQLite's own atomic commit over files.
MakeSession attach_sessions(const PeerOptions& options);
/// Not a transfer: one call of troth's server that asks nothing of an engine, 64 connections.
MakeSession echo_sessions();

/// The limits, as JSON lines of figures by name.
std::string measure_fdatasync(const PeerOptions& options);
std::string measure_sqlite_updates(const PeerOptions& options);

}  // namespace troth::peers
