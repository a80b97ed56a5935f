#pragma once
// Random SQL expressions over the columns that are in scope.

#include <string>
#include <vector>

#include "tests/support/random.h"

namespace troth::tests::differential {

struct Column {
  std::string name;  ///< as SQL writes it
  bool generated = false;
};
struct Table {
  std::string name;  ///< as SQL writes it
  std::vector<Column> columns;
  std::vector<std::string> keys;  ///< lists of columns that are unique: "a" or "a, b"
  std::string rowid;              ///< a name of its rowid; empty: none
  bool autoincrement = false;
  bool is_view = false;
};

/// A table, and how its columns are written: "", "new.", "x.".
struct Scope {
  const Table* table = nullptr;
  std::string prefix;
};
using Scopes = std::vector<Scope>;

class Expressions {
 public:
  Expressions(Random& random, const std::vector<Table>& tables)
      : random_(random), tables_(tables) {}

  std::string literal();
  std::string column(const Scopes& scopes);
  std::string value(const Scopes& scopes, int depth = 2);
  std::string condition(const Scopes& scopes, int depth = 2);
  /// Without subqueries, for CHECK, DEFAULT, generated columns and indexes.
  std::string plain_value(const Scopes& scopes);
  std::string plain_condition(const Scopes& scopes);
  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[random_.below(list.size())];
  }

 private:
  std::string subquery(const Scopes& scopes, int depth);

  Random& random_;
  const std::vector<Table>& tables_;
};

}  // namespace troth::tests::differential
