#pragma once
// What a statement will touch, found before it runs: from the bytecode SQLite compiles (EXPLAIN),
// because the query plan's text hides IN-lists, OR, joins and NULL (participant.md section 4). Safe
// first, precise second: whatever is not understood becomes S on the whole table.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/schema.h"
#include "participant/sqlite/value_work.h"
#include "protocol/outcome.h"

namespace troth::participant::sqlite {

/// A key value known before execution: a parameter (from 1) or a literal.
struct KeyPart {
  int parameter = 0;  ///< 0 = literal
  Value literal;
};
struct PointRead {
  std::uint32_t table = 0;
  std::uint32_t index = 0;  ///< 0 = by rowid
  std::vector<KeyPart> key;
  /// X if the row is searched in order to be written, so that the lock need not be upgraded.
  LockMode mode = LockMode::kS;
};

struct StatementInfo {
  AbortReason refusal;         ///< code != kNone: cannot be promised
  bool schema_change = false;  ///< DDL; its branch is tried and redone in steps (schema_change.h)
  bool writes = false;
  int parameters = 0;
  std::map<std::uint32_t, LockMode> tables;  ///< intention or scan lock per table
  std::vector<PointRead> points;
  std::vector<std::uint32_t> allocates_ids;  ///< tables that get automatic rowids
  std::vector<std::uint32_t> sequences;      ///< AUTOINCREMENT tables that it writes
  /// Its result may differ when it is applied: rehearse it before the vote.
  bool rehearsed = false;
  bool reads_virtual = false, writes_virtual = false;  ///< virtual tables (virtual_tables.h)
  /// It touches a row or two and computes no more than sums: microseconds, whatever it is given.
  bool quick = false;
  ValueWork work;
};

/// `sql` behind white space, comments and semicolons.
std::string_view without_space(std::string_view sql);
/// The first keyword, upper-case, behind white space and comments; empty if there is none.
std::string first_keyword(std::string_view sql);
/// CREATE, DROP, ALTER, or a PRAGMA that sets a number in the header (schema_change.h).
bool is_schema_statement(std::string_view sql);

class StatementAnalyzer {
 public:
  /// Builds an in-memory database with the same schema and no rows; nothing of the real file is
  /// touched. `schema` must outlive it.
  static Result<std::unique_ptr<StatementAnalyzer>> create(const Schema& schema);
  StatementInfo analyze(const std::string& sql);
  /// Statements with a known answer, on the linked SQLite: the bytecode is not a stable interface.
  Status self_test();

 private:
  explicit StatementAnalyzer(const Schema& schema) : schema_(schema) {}
  static int authorize(void* self, int action, const char* a, const char* b, const char* db,
                       const char* trigger);
  StatementInfo analyze_explain(std::string_view sql);
  StatementInfo analyze_alone(const std::string& sql);
  void add_cascades(StatementInfo& info);
  void lock_sequences(StatementInfo& info) const;
  void lock_schema(StatementInfo& info) const;
  void lock_virtual_tables(StatementInfo& info) const;
  void add_triggers_of(const TableInfo& child, StatementInfo& info);
  void refuse(AbortCode code, std::string detail);
  int check(int action, const char* a, const char* b, const char* db);
  void note_virtual_table(int action, const std::string& name, bool of_client);
  void check_written_table(const std::string& name);
  void check_function(const std::string& name);
  void note_effects(int action, const std::string& table, const std::string& column);
  Status load_roots();
  bool force_scans_ = false;

  const Schema& schema_;
  std::unique_ptr<Connection> db_;
  std::map<std::int64_t, RootPage> roots_;
  std::set<std::string> refused_functions_;  // table-valued ones
  bool watching_ = false;
  AbortReason refusal_;
  // Of the statement being compiled.
  bool rehearsed_ = false, writes_sequence_ = false;
  struct VirtualUse {
    bool written = false, shows_content = false;  // it reads the table that its rows come from
  };
  std::map<std::uint32_t, VirtualUse> virtual_tables_;
};

/// The locks a statement needs before it runs, given its bound parameters.
void locks_before_execution(const Schema& schema, const StatementInfo& info,
                            const std::vector<Value>& params, std::vector<LockRequest>& out);

}  // namespace troth::participant::sqlite
