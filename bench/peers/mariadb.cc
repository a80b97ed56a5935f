// Two MariaDB servers: XA PREPARE on both at once, a forced decision, XA COMMIT on both at once.
// One text of several statements a phase: one round trip.
#include <fmt/format.h>
#include <mysql.h>
#include <unistd.h>

#include <stdexcept>

#include "bench/peers/peer.h"

namespace troth::peers {

namespace {

class MariadbServer {
 public:
  /// `where` is the port on 127.0.0.1.
  explicit MariadbServer(const std::string& where) : connection_(mysql_init(nullptr)) {
    if (mysql_real_connect(connection_, "127.0.0.1", "bench", "", "bench",
                           static_cast<unsigned>(std::stoul(where)), nullptr,
                           CLIENT_MULTI_STATEMENTS) == nullptr)
      fail();
  }
  ~MariadbServer() { mysql_close(connection_); }
  MariadbServer(const MariadbServer&) = delete;
  MariadbServer& operator=(const MariadbServer&) = delete;

  void send(const std::string& sql) {
    if (mysql_send_query(connection_, sql.data(), sql.size()) != 0) fail();
  }
  /// Every statement must succeed; `row` names the one that must change one row.
  void receive(int statements, int row) {
    for (int i = 0; i < statements; ++i) {
      const bool good =
          i == 0 ? mysql_read_query_result(connection_) == 0 : mysql_next_result(connection_) == 0;
      if (!good) fail();
      if (i == row && mysql_affected_rows(connection_) != 1)
        throw std::runtime_error("MariaDB: the row was not there");
    }
    if (mysql_more_results(connection_)) throw std::runtime_error("MariaDB: one result too many");
  }

 private:
  [[noreturn]] void fail() {
    throw std::runtime_error(fmt::format("MariaDB: {}", mysql_error(connection_)));
  }
  MYSQL* connection_;
};

class MariadbSession final : public Session {
 public:
  MariadbSession(const PeerOptions& options, std::shared_ptr<DecisionLog> log, int client)
      : first_(options.at.at(0)),
        second_(options.at.at(1)),
        log_(std::move(log)),
        prefix_(fmt::format("{}-{}", ::getpid(), client)) {}

  void transfer(std::int64_t from, std::int64_t to) override {
    const auto gtid = fmt::format("{}-{}", prefix_, ++number_);
    first_.send(prepare(gtid, -1, from));
    second_.send(prepare(gtid, 1, to));
    first_.receive(4, 1);
    second_.receive(4, 1);
    log_->append(gtid);
    const auto commit = fmt::format("XA COMMIT '{}'", gtid);
    first_.send(commit);
    second_.send(commit);
    first_.receive(1, -1);
    second_.receive(1, -1);
  }

 private:
  static std::string prepare(const std::string& gtid, int amount, std::int64_t id) {
    return fmt::format(
        "XA START '{0}';UPDATE bench_accounts SET balance = balance + {1} WHERE id = {2};"
        "XA END '{0}';XA PREPARE '{0}'",
        gtid, amount, id);
  }
  MariadbServer first_, second_;
  std::shared_ptr<DecisionLog> log_;
  const std::string prefix_;
  std::uint64_t number_ = 0;
};

}  // namespace

MakeSession mariadb_sessions(const PeerOptions& options, std::shared_ptr<DecisionLog> log) {
  return
      [options, log](int client) { return std::make_unique<MariadbSession>(options, log, client); };
}

}  // namespace troth::peers
