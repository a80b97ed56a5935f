#pragma once
// Puts captured rows back: own cached statements by identity, without triggers, in hook order.

#include <map>
#include <tuple>

#include "participant/sqlite/redo.h"

namespace troth::participant::sqlite {

class Applier {
 public:
  /// Installs the authorizer that silences triggers while apply statements are compiled; it stays
  /// for ever, because setting one expires every statement. A DELETE in a trigger cannot be
  /// silenced that way: where one may be reached triggers are switched off.
  Applier(Connection& db, const Schema& schema);
  /// kCorruption if a row is not where it must be.
  Status apply(const std::vector<RowOp>& operations);
  Status apply_one(const RowOp& op);
  /// Applies them, compares every row with what the branch had found in its place, and takes it
  /// back. kCorruption if somebody else has written there meanwhile.
  Status rehearse(const std::vector<RowOp>& operations);

 private:
  class TriggersOff;
  static int authorize(void* self, int action, const char* a, const char* b, const char* db,
                       const char* trigger);
  Status compare(const RowOp& op);
  std::string identity_of(const TableInfo& table, std::size_t first_parameter) const;
  Result<PreparedStatement*> statement_for(const RowOp& op,
                                           const std::vector<std::size_t>& changed);
  std::string sql_for(const RowOp& op, const std::vector<std::size_t>& changed) const;
  void bind_identity(PreparedStatement& stmt, int from, const RowOp& op) const;
  void changed_columns(const RowOp& op, std::vector<std::size_t>& changed) const;

  Connection& db_;
  const Schema& schema_;
  bool applying_ = false;
  bool triggers_off_ = false;
  using Statements =
      std::map<std::tuple<RowOpKind, std::uint32_t, std::vector<std::size_t>>, PreparedStatement>;
  Statements statements_;
  Statements::value_type* last_ = nullptr;  // the one used last
  std::vector<std::size_t> changed_;        // of the operation at hand
};

}  // namespace troth::participant::sqlite
