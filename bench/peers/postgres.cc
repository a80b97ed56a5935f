// Two PostgreSQL servers: PREPARE TRANSACTION on both at once, a forced decision, COMMIT PREPARED
// on both at once. Prepared statements in pipeline mode: one round trip a phase.
#include <fmt/format.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "bench/peers/peer.h"

namespace troth::peers {

namespace {

class PostgresServer {
 public:
  explicit PostgresServer(const std::string& where) : connection_(PQconnectdb(where.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) fail("connect");
    make("begin", "BEGIN");
    make("move", "UPDATE bench_accounts SET balance = balance + $1::bigint WHERE id = $2::bigint");
    if (PQenterPipelineMode(connection_) != 1) fail("pipeline");
  }
  ~PostgresServer() { PQfinish(connection_); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void send_prepare(std::int64_t amount, std::int64_t id, const std::string& gtid) {
    const auto amount_text = std::to_string(amount), id_text = std::to_string(id);
    const std::array<const char*, 2> values = {amount_text.c_str(), id_text.c_str()};
    const auto prepare = fmt::format("PREPARE TRANSACTION '{}'", gtid);
    sent(PQsendQueryPrepared(connection_, "begin", 0, nullptr, nullptr, nullptr, 0));
    sent(PQsendQueryPrepared(connection_, "move", 2, values.data(), nullptr, nullptr, 0));
    sent(PQsendQueryParams(connection_, prepare.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
    sent(PQpipelineSync(connection_));
    sent(PQflush(connection_) == 0);
  }
  void receive_prepare() {
    expect("");
    if (expect("") != "1") throw std::runtime_error("PostgreSQL: the row was not there");
    if (expect("PREPARE TRANSACTION").empty()) fail("prepare");
    expect_sync();
  }
  void send_commit(const std::string& gtid) {
    const auto commit = fmt::format("COMMIT PREPARED '{}'", gtid);
    sent(PQsendQueryParams(connection_, commit.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
    sent(PQpipelineSync(connection_));
    sent(PQflush(connection_) == 0);
  }
  void receive_commit() {
    expect("COMMIT PREPARED");
    expect_sync();
  }

 private:
  [[noreturn]] void fail(const char* what) {
    throw std::runtime_error(fmt::format("PostgreSQL {}: {}", what, PQerrorMessage(connection_)));
  }
  void sent(int good) {
    if (good != 1) fail("send");
  }
  void make(const char* name, const char* sql) {
    PGresult* result = PQprepare(connection_, name, sql, 0, nullptr);
    const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!good) fail(sql);
  }
  /// One command's result: the rows it changed, or its tag when `tag` is asked for.
  std::string expect(const std::string& tag) {
    PGresult* result = PQgetResult(connection_);
    const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    const std::string seen = good ? PQcmdStatus(result) : "";
    const std::string rows = good ? PQcmdTuples(result) : "";
    PQclear(result);
    // A PREPARE TRANSACTION of an aborted transaction succeeds with the tag ROLLBACK.
    if (!good || (!tag.empty() && seen != tag)) fail("command");
    PQclear(PQgetResult(connection_));  // the end of this command
    return tag.empty() ? rows : seen;
  }
  void expect_sync() {
    PGresult* result = PQgetResult(connection_);
    const bool good = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    if (!good) fail("sync");
  }

  PGconn* connection_;
};

class PostgresSession final : public Session {
 public:
  PostgresSession(const PeerOptions& options, std::shared_ptr<DecisionLog> log, int client)
      : first_(options.at.at(0)),
        second_(options.at.at(1)),
        log_(std::move(log)),
        prefix_(fmt::format("{}-{}", ::getpid(), client)) {}

  void transfer(std::int64_t from, std::int64_t to) override {
    const auto gtid = fmt::format("{}-{}", prefix_, ++number_);
    first_.send_prepare(-1, from, gtid);
    second_.send_prepare(1, to, gtid);
    first_.receive_prepare();
    second_.receive_prepare();
    log_->append(gtid);
    first_.send_commit(gtid);
    second_.send_commit(gtid);
    first_.receive_commit();
    second_.receive_commit();
  }

 private:
  PostgresServer first_, second_;
  std::shared_ptr<DecisionLog> log_;
  const std::string prefix_;
  std::uint64_t number_ = 0;
};

}  // namespace

MakeSession postgres_sessions(const PeerOptions& options, std::shared_ptr<DecisionLog> log) {
  return [options, log](int client) {
    return std::make_unique<PostgresSession>(options, log, client);
  };
}

}  // namespace troth::peers
