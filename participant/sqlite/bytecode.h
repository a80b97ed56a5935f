#pragma once
// Reads the listing of EXPLAIN: which cursors a program opens, how it searches them, where key
// registers come from.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "participant/sqlite/statement_analysis.h"

namespace troth::participant::sqlite {

struct Instruction {
  std::int64_t address = 0;
  std::string opcode;
  int p1 = 0, p2 = 0, p3 = 0;
  std::string p4;
  int p5 = 0;
};

/// `roots` maps root pages of the analysed database to tables and indexes. Adds tables, points and
/// id allocations to `info`. `conflict_clause`: the text has OR IGNORE, ON CONFLICT or the like, so
/// that uniqueness probes are reads.
void read_bytecode(const std::vector<Instruction>& listing,
                   const std::map<std::int64_t, RootPage>& roots, const Schema& schema,
                   bool conflict_clause, StatementInfo& info);

}  // namespace troth::participant::sqlite
