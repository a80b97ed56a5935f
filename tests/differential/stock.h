#pragma once
// The other side: a stock SQLite with foreign keys on, and the comparison of two files.

#include <string>
#include <vector>

#include "participant/sqlite/connection.h"
#include "troth/outcome.h"
#include "troth/values.h"

namespace troth::tests::differential {

class Stock {
 public:
  static Result<Stock> open(const std::string& path);

  enum class End {
    kDone,
    kConstraint,
    kError,    ///< any other error of SQL
    kTooLong,  ///< more instructions than a case may take
  };
  struct Ran {
    End end = End::kDone;
    std::string message;
    std::size_t failed_at = 0;
    std::vector<StatementResult> results;
  };
  /// Begins a transaction and runs the statements; a failure rolls it back.
  Ran run(const std::vector<std::string>& statements);
  /// False: a deferred foreign key is violated, and the transaction is rolled back.
  bool commit();
  void rollback();
  participant::sqlite::Connection& connection() { return *db_; }

 private:
  explicit Stock(std::unique_ptr<participant::sqlite::Connection> db) : db_(std::move(db)) {}
  std::unique_ptr<participant::sqlite::Connection> db_;
};

/// Every row of every table with its rowid and the types of its values, sqlite_sequence, and the
/// definitions. Without what is the agent's own.
std::string content_of(participant::sqlite::Connection& db);
/// integrity_check and foreign_key_check.
std::string checks_of(participant::sqlite::Connection& db);
std::string text_of(const StatementResult& result);

}  // namespace troth::tests::differential
