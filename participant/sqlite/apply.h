#pragma once
// Puts captured rows in place: own cached statements by identity, in hook order, without side
// effects. What triggers and foreign-key actions did is among the operations, by value.

#include <map>
#include <tuple>

#include "participant/sqlite/redo.h"
#include "participant/sqlite/side_effects.h"
#include "participant/sqlite/virtual_tables.h"

namespace troth::participant::sqlite {

/// The condition that finds the row of an operation on `table`, with parameters from
/// `first_parameter`.
std::string identity_of(const TableInfo& table, bool by_rowid, std::size_t first_parameter);
/// Binds those parameters: the identity the row has before or after the operation.
void bind_identity(PreparedStatement& stmt, int from, const TableInfo& table, std::int64_t rowid,
                   const std::vector<Value>& row);

class Applier {
 public:
  Applier(Connection& db, const Schema& schema, SideEffects& effects)
      : db_(db), schema_(schema), effects_(effects), virtual_tables_(db, schema) {}
  /// kCorruption if a row is not where it must be.
  Status apply(const std::vector<RowOp>& operations);
  /// To be called when apply_one() was called for all of them instead.
  Status all_applied(const std::vector<RowOp>& operations);
  Status apply_one(const RowOp& op);

 private:
  // What SQLite might do beyond the row itself if side effects were on.
  enum class Beyond : std::uint8_t {
    kNothing,
    kCheck,  // immediate foreign keys without actions: it succeeds or reports a violation
    kMore,
  };
  Beyond beyond(const RowOp& op, const std::vector<std::size_t>& changed) const;
  Status raise_sequence(const RowOp& op);
  Result<PreparedStatement*> statement_for(const RowOp& op,
                                           const std::vector<std::size_t>& changed);
  std::string sql_for(const RowOp& op, bool by_rowid,
                      const std::vector<std::size_t>& changed) const;
  void changed_columns(const RowOp& op, std::vector<std::size_t>& changed) const;
  static void bind(PreparedStatement& stmt, const TableInfo& table, const RowOp& op,
                   const std::vector<std::size_t>& changed);

  Connection& db_;
  const Schema& schema_;
  SideEffects& effects_;
  VirtualTables virtual_tables_;
  // Kind, table, by rowid, changed columns (their number stands for the hidden rowid).
  using Statements = std::map<std::tuple<RowOpKind, std::uint32_t, bool, std::vector<std::size_t>>,
                              PreparedStatement>;
  Statements statements_;
  Statements::value_type* last_ = nullptr;  // the one used last
  std::vector<std::size_t> changed_;        // of the operation at hand
  PreparedStatement raise_sequence_, add_sequence_;
};

}  // namespace troth::participant::sqlite
