#pragma once
// Between protocol structs and generated Thrift structs: the values that every service shares.
// To the wire always works; from the wire validates, and errors name the field:
// "branches[1].statements[0].sql is missing".

#include <troth_idl/common_types.h>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::thrift {

/// Where in a request we are: a chain on the stack, turned into text only when something is wrong.
class Where {
 public:
  static constexpr std::size_t kNoIndex = std::numeric_limits<std::size_t>::max();
  Where() = default;
  Where(const Where& parent, std::string_view field, std::size_t index = kNoIndex)
      : parent_(&parent), field_(field), index_(index) {}
  Where(const Where&) = delete;
  Where& operator=(const Where&) = delete;
  /// For example "branches[1].statements[0]", followed by `.field` if that is not empty.
  std::string text(std::string_view field = {}) const;
  tl::unexpected<Error> missing(std::string_view field) const;
  tl::unexpected<Error> invalid(std::string_view field, std::string_view why) const;

 private:
  const Where* parent_ = nullptr;
  std::string_view field_;
  std::size_t index_ = kNoIndex;
};

/// Whole milliseconds, rounded up, at most 2^31-1, at least 0.
std::int32_t to_ms(Duration d);
/// As the wire has it: -1 = nothing.
std::int64_t ms_or_none(std::optional<Duration> d);
/// The way back. Numbers that no duration holds are cut.
Duration from_ms(std::int64_t ms);
std::optional<Duration> ms_if(bool is_set, std::int64_t ms);
/// An unsigned count as the wire's signed one; clamped.
std::int64_t to_i64(std::uint64_t v);

v1::SqlValue to_wire(Value value);
v1::Statement to_wire(const Statement& statement);
v1::StatementResult to_wire(StatementResult result);
void to_wire(StatementResult&& result, v1::StatementResult& out);
v1::AbortReason to_wire(const AbortReason& reason);
v1::NodePosition to_wire(const NodePosition& position);
v1::Outcome::type to_wire(Outcome outcome);
v1::CommitProtocol::type to_wire(CommitProtocol commit_protocol);
v1::AnswerAt::type to_wire(AnswerAt answer_at);
v1::Role::type to_wire(Role role);
std::vector<v1::Statement> to_wire(const std::vector<Statement>& statements);
std::vector<v1::StatementResult> to_wire(const std::vector<StatementResult>& results);

Result<Value> from_wire(v1::SqlValue&& value, const Where& where);
Status from_wire(v1::Statement&& statement, const Where& where, Statement& out);
Result<StatementResult> from_wire(v1::StatementResult&& result, const Where& where);
Result<AbortReason> from_wire(v1::AbortReason&& reason, const Where& where);
Result<NodePosition> from_wire(const v1::NodePosition& position, const Where& where);
Result<std::vector<Statement>> from_wire(std::vector<v1::Statement>&& statements,
                                         const Where& where, std::string_view field);
Result<std::vector<StatementResult>> from_wire(std::vector<v1::StatementResult>&& results,
                                               const Where& where, std::string_view field);
Result<Outcome> from_wire(v1::Outcome::type outcome, const Where& where);
Result<CommitProtocol> from_wire(v1::CommitProtocol::type commit_protocol, const Where& where);
Result<AnswerAt> from_wire(v1::AnswerAt::type answer_at, const Where& where);
Result<Role> from_wire(v1::Role::type role, const Where& where);

Result<Gtid> gtid_from_wire(bool is_set, const std::string& text, const Where& where,
                            std::string_view field);
Result<NodeName> name_from_wire(bool is_set, const std::string& text, const Where& where,
                                std::string_view field);
Result<Epoch> epoch_from_wire(std::int64_t epoch, const Where& where, std::string_view field);

}  // namespace troth::thrift
