#pragma once
// The statements of a client for one participant, and their results. Plain values: troth interprets
// no SQL here.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troth {

struct Blob {
  std::string bytes;
  friend bool operator==(const Blob&, const Blob&) = default;
};

/// One SQL value in SQLite's five storage classes: NULL, INTEGER, REAL, TEXT (UTF-8), BLOB.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

enum class RowCount : std::uint8_t { kExactly, kAtLeast };

/// A promise about the statement's row count (rows changed; rows returned for a SELECT). Not met =
/// vote NO, ROWS_MISMATCH.
struct Expectation {
  RowCount kind = RowCount::kExactly;
  std::int64_t rows = 0;
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

enum class ReadMode : std::uint8_t {
  kSerializable,  ///< locks what it reads
  /// Reads the last commit that the file holds, without locks. It waits for no transaction, and may
  /// miss transactions committed within the last flush-interval. All statements of its branch must
  /// be such reads.
  kSnapshot
};

struct Statement {
  std::string sql;            ///< exactly one statement
  std::vector<Value> params;  ///< bound to ?1, ?2, ... in order
  std::optional<Expectation> expect;
  ReadMode read = ReadMode::kSerializable;
  friend bool operator==(const Statement&, const Statement&) = default;
};

struct StatementResult {
  std::vector<std::string> columns;  ///< empty for statements that return no rows
  std::vector<std::vector<Value>> rows;
  std::int64_t changes = 0;  ///< rows inserted, updated or deleted by the statement itself
  friend bool operator==(const StatementResult&, const StatementResult&) = default;
};

}  // namespace troth
