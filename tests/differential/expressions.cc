#include "tests/differential/expressions.h"

namespace troth::tests::differential {

std::string Expressions::literal() {
  // Without the highest integer: behind it SQLite chooses rowids at random.
  static const std::vector<std::string> rare = {"NULL",
                                                "NULL",
                                                "1.5",
                                                "2.0",
                                                "-1",
                                                "x'61'",
                                                "x''",
                                                "''",
                                                "'1'",
                                                "'2.0'",
                                                "' 3'",
                                                "'A'",
                                                "'a '",
                                                "'-0'",
                                                "-0.0",
                                                "1e18",
                                                "9223372036854775000",
                                                "-9223372036854775808",
                                                "9007199254740993",
                                                "'{\"a\":1}'",
                                                "'\xc3\xa9'",
                                                "char(65533)",
                                                "CAST(x'3dd8' AS TEXT)"};
  if (random_.percent(60)) return std::to_string(random_.below(8));
  if (random_.percent(60))
    return std::string("'") + static_cast<char>('a' + random_.below(4)) + "'";
  return one_of(rare);
}

std::string Expressions::column(const Scopes& scopes) {
  if (scopes.empty()) return literal();
  const auto& scope = one_of(scopes);
  if (!scope.table->rowid.empty() && random_.percent(8)) return scope.prefix + scope.table->rowid;
  return scope.prefix + one_of(scope.table->columns).name;
}

std::string Expressions::plain_value(const Scopes& scopes) {
  const auto a = column(scopes);
  switch (random_.below(8)) {
    case 7:
      return a;
    case 0:
      return a + " + 1";
    case 1:
      return a + " || '-'";
    case 2:
      return "lower(" + a + ")";
    case 3:
      return "coalesce(" + a + ", " + literal() + ")";
    case 4:
      return "typeof(" + a + ")";
    case 5:
      return "length(" + a + ") % 3";
    default:
      return a + " * 2";
  }
}

std::string Expressions::plain_condition(const Scopes& scopes) {
  const auto a = column(scopes);
  switch (random_.below(5)) {
    case 0:
      return a + " IS NOT " + literal();
    case 1:
      return a + " <> " + literal();
    case 2:
      return "length(" + a + ") < 6";
    case 3:
      return "typeof(" + a + ") <> 'blob'";
    default:
      return a + " IS NOT NULL";
  }
}

std::string Expressions::subquery(const Scopes& scopes, int depth) {
  const auto& table = one_of(tables_);
  Scopes inner = {{&table, table.name + "."}};
  const auto what = column(inner);
  inner.insert(inner.end(), scopes.begin(), scopes.end());
  static const std::vector<std::string> aggregates = {"max", "min", "count", "sum", "total", "avg"};
  auto sql = "SELECT " + (random_.percent(60) ? one_of(aggregates) + "(" + what + ")" : what) +
             " FROM " + table.name;
  if (random_.percent(60)) sql += " WHERE " + condition(inner, depth - 1);
  return sql;
}

std::string Expressions::value(const Scopes& scopes, int depth) {
  if (depth <= 0 || random_.percent(35)) return random_.percent(50) ? literal() : column(scopes);
  const auto a = value(scopes, depth - 1);
  switch (random_.below(13)) {
    case 0:
      return "(" + a + " + " + value(scopes, depth - 1) + ")";
    case 1:
      return "(" + a + " - " + literal() + ")";
    case 2:
      return "(" + a + " || " + value(scopes, depth - 1) + ")";
    case 3:
      return "(" + subquery(scopes, depth) + ")";
    case 4:
      return "CASE WHEN " + condition(scopes, depth - 1) + " THEN " + a + " ELSE " + literal() +
             " END";
    case 5:
      return "coalesce(" + a + ", " + value(scopes, depth - 1) + ")";
    case 6:
      return "abs(" + a + ")";
    case 7:
      return "(" + a + " % 5)";
    case 8:
      return "upper(" + a + ")";
    case 9:
      return "nullif(" + a + ", " + literal() + ")";
    case 10:
      return "CAST(" + a + " AS " + (random_.percent(50) ? "TEXT" : "INTEGER") + ")";
    case 11:
      return random_.percent(30) ? "json_extract(" + a + ", '$.a')" : "quote(" + a + ")";
    default:
      return "substr(" + a + ", 1, 3)";
  }
}

std::string Expressions::condition(const Scopes& scopes, int depth) {
  if (depth <= 0 || random_.percent(40)) {
    static const std::vector<std::string> compare = {" = ", " = ", " < ", " >= ", " <> ", " IS "};
    return column(scopes) + one_of(compare) + literal();
  }
  switch (random_.below(9)) {
    case 0:
      return "(" + condition(scopes, depth - 1) + " AND " + condition(scopes, depth - 1) + ")";
    case 1:
      return "(" + condition(scopes, depth - 1) + " OR " + condition(scopes, depth - 1) + ")";
    case 2:
      return "NOT " + condition(scopes, depth - 1);
    case 3:
      return column(scopes) + (random_.percent(30) ? " NOT" : "") + " IN (" +
             subquery(scopes, depth) + ")";
    case 4:
      return column(scopes) + " IN (" + literal() + ", " + literal() + ", " + literal() + ")";
    case 5:
      return "EXISTS (" + subquery(scopes, depth) + ")";
    case 6:
      return column(scopes) + " BETWEEN " + literal() + " AND " + literal();
    case 7:
      return column(scopes) + " LIKE '%a%'";
    default:
      return value(scopes, depth - 1) + " = " + value(scopes, depth - 1);
  }
}

}  // namespace troth::tests::differential
