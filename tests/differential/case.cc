#include "tests/differential/case.h"

namespace troth::tests::differential {

namespace {

const char* name_of(After after) {
  switch (after) {
    case After::kNothing:
      return "";
    case After::kFlush:
      return "flush";
    case After::kKillPrepared:
      return "kill -9 before it is applied";
    case After::kKillApplied:
      return "kill -9 before the file's commit";
    case After::kKillFlushed:
      return "kill -9 after the file's commit";
  }
  return "";
}

}  // namespace

std::string describe(const Case& played) {
  std::string out;
  for (const auto& sql : played.schema) out += sql + ";\n";
  for (const auto& transaction : played.transactions) {
    out += transaction.in_pieces ? "-- transaction, interactive\n" : "-- transaction\n";
    for (const auto& sql : transaction.statements) out += "  " + sql + ";\n";
    if (transaction.after != After::kNothing)
      out += std::string("-- ") + name_of(transaction.after) + "\n";
  }
  return out;
}

}  // namespace troth::tests::differential
