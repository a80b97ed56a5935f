// The benchmarks' consistency conditions: none is violated at first, and every planted fault is
// reported by the condition that is there for it.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include "bench/bench_application.h"
#include "bench/bench_tpcc.h"

using namespace troth;
using namespace troth::cli;

namespace {

class Memory {
 public:
  explicit Memory(const std::string& schema) {
    REQUIRE(sqlite3_open(":memory:", &db_) == SQLITE_OK);
    run(schema);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { sqlite3_close(db_); }
  void run(const std::string& sql) {
    REQUIRE_MESSAGE(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                    sqlite3_errmsg(db_));
  }
  std::int64_t integer(const std::string& sql) {
    sqlite3_stmt* stmt = nullptr;
    REQUIRE_MESSAGE(sqlite3_prepare_v2(db_, sql.c_str(), -1, &stmt, nullptr) == SQLITE_OK,
                    sqlite3_errmsg(db_));
    REQUIRE(sqlite3_step(stmt) == SQLITE_ROW);
    REQUIRE(sqlite3_column_type(stmt, 0) == SQLITE_INTEGER);  // NULL would be taken for 0
    const auto value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace

TEST_CASE("TPC-C: each planted fault violates its condition") {
  tpcc::Scale scale;
  scale.warehouses = 2;
  scale.customers = 10;
  scale.items = 100;
  Memory db(tpcc::schema_sql(scale, 0));
  const auto conditions = tpcc::conditions(scale);
  REQUIRE(conditions.size() == 7);
  for (const auto& condition : conditions) CHECK(db.integer(condition.sql) == 0);
  struct Fault {
    std::size_t condition;  // from 0
    const char* sql;
  };
  const Fault faults[] = {
      {0, "UPDATE warehouse SET w_ytd = w_ytd + 1 WHERE w_id = 1"},
      {0, "UPDATE district SET d_ytd = d_ytd - 1 WHERE d_w_id = 2 AND d_id = 10"},
      {0, "DELETE FROM district WHERE d_w_id = 1"},
      {1, "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_w_id = 1 AND d_id = 1"},
      {1, "DELETE FROM orders WHERE o_w_id = 1 AND o_d_id = 1 AND o_id = 10"},
      {1, "DELETE FROM orders WHERE o_w_id = 1 AND o_d_id = 1"},
      {1, "DELETE FROM new_order WHERE no_w_id = 1 AND no_d_id = 1 AND no_o_id = 10"},
      {1, "INSERT INTO new_order VALUES(1, 1, 11)"},
      {2, "DELETE FROM new_order WHERE no_w_id = 1 AND no_d_id = 1 AND no_o_id = 9"},
      {3,
       "DELETE FROM order_line WHERE ol_w_id = 1 AND ol_d_id = 1 AND ol_o_id = 3 AND ol_number "
       "= 1"},
      {3, "DELETE FROM orders WHERE o_w_id = 2 AND o_d_id = 3"},
      {3, "UPDATE orders SET o_ol_cnt = o_ol_cnt + 1 WHERE o_w_id = 1 AND o_d_id = 2 AND o_id = 1"},
      {4, "UPDATE stock SET s_ytd = s_ytd + 5 WHERE s_w_id = 1 AND s_i_id = 7"},
      {4, "INSERT INTO order_line VALUES(1, 1, 11, 1, 7, 1, NULL, 5, 100, '')"},
      {5,
       "UPDATE customer SET c_ytd_payment = c_ytd_payment + 1 WHERE c_w_id = 1 AND c_d_id = 1 "
       "AND c_id = 1"},
      {5, "DELETE FROM history WHERE h_id = 1"},
      {5, "DELETE FROM history"},
      {5, "DELETE FROM customer WHERE c_w_id = 2"},
      {6, "UPDATE warehouse SET w_ytd = w_ytd + 1 WHERE w_id = 1"},
      {6, "INSERT INTO history(h_amount) VALUES(7)"},
      {6, "DELETE FROM warehouse WHERE w_id = 1; INSERT INTO history(h_amount) VALUES(7)"},
  };
  for (const auto& fault : faults) {
    CAPTURE(fault.sql);
    db.run("BEGIN");
    db.run(fault.sql);
    CHECK(db.integer(conditions[fault.condition].sql) != 0);
    for (const auto& condition : conditions) db.integer(condition.sql);
    db.run("ROLLBACK");
  }
}

TEST_CASE("SmallBank: each planted fault shows as money that was not moved") {
  BenchOptions options;
  options.workload = Workload::kSmallBank;
  options.participants = 2;
  options.customers = 9;  // five at the first participant, four at the second
  const auto bank = make_smallbank(options);
  for (const std::size_t place : {0U, 1U}) {
    Memory db(bank->schema(place));
    const auto difference = smallbank_difference_sql(place == 0 ? 5 : 4);
    CHECK(db.integer(difference) == 0);
    db.run(
        "UPDATE savings SET balance = balance + 5; INSERT INTO moved VALUES(1, 5 * (SELECT "
        "count(*) FROM savings))");
    CHECK(db.integer(difference) == 0);
    for (const char* fault :
         {"UPDATE checking SET balance = balance - 1 WHERE id < 3", "DELETE FROM moved",
          "INSERT INTO moved VALUES(2, -3)", "DELETE FROM savings", "DELETE FROM checking",
          "DELETE FROM savings; DELETE FROM checking"}) {
      CAPTURE(fault);
      db.run("BEGIN");
      db.run(fault);
      CHECK(db.integer(difference) != 0);
      db.run("ROLLBACK");
    }
  }
}
