#include "thrift/convert/convert_common.h"

#include <fmt/format.h>

#include <algorithm>

#include "thrift/convert/convert_lists.h"

namespace troth::thrift {

std::string Where::text(std::string_view field) const {
  std::string out = parent_ != nullptr ? parent_->text(field_) : std::string(field_);
  if (index_ != kNoIndex) out += fmt::format("[{}]", index_);
  if (field.empty()) return out;
  if (!out.empty()) out += '.';
  return out += field;
}

tl::unexpected<Error> Where::missing(std::string_view field) const {
  return fail(ErrorCode::kInvalidArgument, text(field) + " is missing");
}

tl::unexpected<Error> Where::invalid(std::string_view field, std::string_view why) const {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", text(field), why));
}

std::int32_t to_ms(Duration d) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d).count();
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(ms, 0, std::numeric_limits<std::int32_t>::max()));
}

std::int64_t ms_or_none(std::optional<Duration> d) {
  return d ? whole_ms(*d) : -1;
}

Duration from_ms(std::int64_t ms) {
  constexpr std::int64_t kMost =
      std::chrono::duration_cast<std::chrono::milliseconds>(Duration::max()).count();
  return std::chrono::milliseconds(std::clamp(ms, -kMost, kMost));
}

std::optional<Duration> ms_if(bool is_set, std::int64_t ms) {
  if (!is_set || ms < 0) return std::nullopt;
  return from_ms(ms);
}

std::int64_t to_i64(std::uint64_t v) {
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(v, std::numeric_limits<std::int64_t>::max()));
}

v1::SqlValue to_wire(Value value) {
  v1::SqlValue out;
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    out.__set_int_value(*i);
  } else if (const auto* d = std::get_if<double>(&value)) {
    out.__set_real_value(*d);
  } else if (auto* s = std::get_if<std::string>(&value)) {
    out.text_value = std::move(*s);
    out.__isset.text_value = true;
  } else if (auto* b = std::get_if<Blob>(&value)) {
    out.blob_value = std::move(b->bytes);
    out.__isset.blob_value = true;
  } else {
    out.__set_null_value(true);
  }
  return out;
}

v1::Statement to_wire(const Statement& statement) {
  v1::Statement out;
  out.__set_sql(statement.sql);
  if (!statement.params.empty()) {
    out.__isset.params = true;
    out.params.reserve(statement.params.size());
    for (const auto& param : statement.params) out.params.push_back(to_wire(param));
  }
  if (statement.expect) {
    v1::Expectation expect;
    expect.__set_kind(statement.expect->kind == RowCount::kAtLeast ? v1::RowCount::AT_LEAST
                                                                   : v1::RowCount::EXACTLY);
    expect.__set_rows(statement.expect->rows);
    out.__set_expect(expect);
  }
  if (statement.read == ReadMode::kSnapshot) out.__set_read_mode(v1::ReadMode::SNAPSHOT);
  return out;
}

void to_wire(StatementResult&& result, v1::StatementResult& out) {
  if (!result.columns.empty()) {
    out.columns = std::move(result.columns);
    out.__isset.columns = true;
  }
  if (!result.rows.empty()) {
    out.__isset.rows = true;
    out.rows.reserve(result.rows.size());
    for (auto& row : result.rows) {
      auto& wire_row = out.rows.emplace_back();
      wire_row.reserve(row.size());
      for (auto& value : row) wire_row.push_back(to_wire(std::move(value)));
    }
  }
  out.__set_changes(result.changes);
}

v1::StatementResult to_wire(StatementResult result) {
  v1::StatementResult out;
  to_wire(std::move(result), out);
  return out;
}

v1::AbortReason to_wire(const AbortReason& reason) {
  v1::AbortReason out;
  out.__set_code(std::string(to_string(reason.code)));
  if (!reason.detail.empty()) out.__set_detail(reason.detail);
  if (!reason.participant.empty()) out.__set_participant(reason.participant.text());
  if (reason.statement >= 0) out.__set_statement(reason.statement);
  out.__set_retryable(is_retryable(reason.code));
  return out;
}

v1::NodePosition to_wire(const NodePosition& position) {
  v1::NodePosition out;
  if (!position.log_id.is_nil()) out.__set_log_id(position.log_id.text());
  out.__set_epoch(position.epoch.value);
  out.__set_durable_lsn(to_i64(position.durable.value));
  if (const auto& [bytes] = position.receipt; !position.receipt.is_nil())
    out.__set_receipt(std::string(bytes.begin(), bytes.end()));
  return out;
}

v1::Outcome::type to_wire(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPending:
      return v1::Outcome::PENDING;
    case Outcome::kCommitted:
      return v1::Outcome::COMMITTED;
    case Outcome::kAborted:
      return v1::Outcome::ABORTED;
    case Outcome::kInDoubt:
      return v1::Outcome::IN_DOUBT;
  }
  return v1::Outcome::IN_DOUBT;
}

v1::CommitProtocol::type to_wire(CommitProtocol commit_protocol) {
  switch (commit_protocol) {
    case CommitProtocol::kOnePhase:
      return v1::CommitProtocol::ONE_PHASE;
    case CommitProtocol::kTwoPhase:
      return v1::CommitProtocol::TWO_PHASE;
    case CommitProtocol::kThreePhase:
      return v1::CommitProtocol::THREE_PHASE;
  }
  return v1::CommitProtocol::UNKNOWN;
}

v1::AnswerAt::type to_wire(AnswerAt answer_at) {
  switch (answer_at) {
    case AnswerAt::kDecided:
      return v1::AnswerAt::DECIDED;
    case AnswerAt::kApplied:
      return v1::AnswerAt::APPLIED;
  }
  return v1::AnswerAt::UNKNOWN;
}

v1::Role::type to_wire(Role role) {
  switch (role) {
    case Role::kCoordinator:
      return v1::Role::COORDINATOR;
    case Role::kParticipant:
      return v1::Role::PARTICIPANT;
  }
  return v1::Role::UNKNOWN;
}

namespace {}  // namespace

std::vector<v1::Statement> to_wire(const std::vector<Statement>& statements) {
  return list_to_wire<v1::Statement>(statements, [](const auto& item) { return to_wire(item); });
}

std::vector<v1::StatementResult> to_wire(const std::vector<StatementResult>& results) {
  return list_to_wire<v1::StatementResult>(results, [](const auto& item) { return to_wire(item); });
}

Result<std::vector<Statement>> from_wire(std::vector<v1::Statement>&& statements,
                                         const Where& where, std::string_view field) {
  std::vector<Statement> out(statements.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    TROTH_TRY(from_wire(std::move(statements[i]), Where(where, field, i), out[i]));
  return out;
}

Result<std::vector<StatementResult>> from_wire(std::vector<v1::StatementResult>&& results,
                                               const Where& where, std::string_view field) {
  return list_from_wire<StatementResult>(std::move(results), where, field);
}

Result<Value> from_wire(v1::SqlValue&& value, const Where& where) {
  const auto& set = value.__isset;
  if (set.int_value + set.text_value + set.null_value + set.real_value + set.blob_value +
          set.text_bytes >
      1)
    return where.invalid("", "has several fields set; a value has exactly one");
  if (value.__isset.int_value) return Value(value.int_value);
  if (value.__isset.text_value) return Value(std::move(value.text_value));
  if (value.__isset.null_value) return Value();
  if (value.__isset.real_value) return Value(value.real_value);
  if (value.__isset.blob_value) return Value(Blob{std::move(value.blob_value)});
  if (value.__isset.text_bytes) return Value(std::move(value.text_bytes));
  return where.invalid("", "is empty; NULL is null_value = true");
}

Status from_wire(v1::Statement&& statement, const Where& where, Statement& out) {
  if (!statement.__isset.sql || statement.sql.empty()) return where.missing("sql");
  out.sql = std::move(statement.sql);
  TROTH_ASSIGN_OR_RETURN(out.params,
                         list_from_wire<Value>(std::move(statement.params), where, "params"));
  if (statement.__isset.read_mode) {
    if (statement.read_mode != v1::ReadMode::SERIALIZABLE &&
        statement.read_mode != v1::ReadMode::SNAPSHOT)
      return where.invalid("read_mode", "is not a known value");
    out.read = statement.read_mode == v1::ReadMode::SNAPSHOT ? ReadMode::kSnapshot
                                                             : ReadMode::kSerializable;
  }
  if (!statement.__isset.expect) return {};
  const Where inside(where, "expect");
  const auto& expect = statement.expect;
  if (!expect.__isset.kind) return inside.missing("kind");
  if (!expect.__isset.rows) return inside.missing("rows");
  if (expect.rows < 0) return inside.invalid("rows", "is negative");
  if (expect.kind != v1::RowCount::EXACTLY && expect.kind != v1::RowCount::AT_LEAST)
    return inside.invalid("kind", "is not a known value");
  out.expect = {expect.kind == v1::RowCount::EXACTLY ? RowCount::kExactly : RowCount::kAtLeast,
                expect.rows};
  return {};
}

Result<StatementResult> from_wire(v1::StatementResult&& result, const Where& where) {
  StatementResult out;
  out.columns = std::move(result.columns);
  out.changes = result.changes;
  out.rows.reserve(result.rows.size());
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    const Where in_row(where, "rows", i);
    TROTH_ASSIGN_OR_RETURN(auto row,
                           list_from_wire<Value>(std::move(result.rows[i]), in_row, "values"));
    out.rows.push_back(std::move(row));
  }
  return out;
}

Result<AbortReason> from_wire(v1::AbortReason&& reason, const Where& where) {
  AbortReason out;
  out.code = reason.__isset.code ? parse_abort_code(reason.code) : AbortCode::kNone;
  out.detail = std::move(reason.detail);
  if (reason.__isset.participant && !reason.participant.empty()) {
    TROTH_ASSIGN_OR_RETURN(out.participant,
                           name_from_wire(true, reason.participant, where, "participant"));
  }
  if (reason.__isset.statement) out.statement = reason.statement;
  return out;
}

Result<NodePosition> from_wire(const v1::NodePosition& position, const Where& where) {
  NodePosition out;
  if (position.__isset.log_id) {
    auto log_id = LogId::parse(position.log_id);
    if (!log_id) return where.invalid("log_id", log_id.error().context);
    out.log_id = *log_id;
  }
  TROTH_ASSIGN_OR_RETURN(out.epoch, epoch_from_wire(position.epoch, where, "epoch"));
  if (position.durable_lsn < 0) return where.invalid("durable_lsn", "is negative");
  out.durable = Lsn{static_cast<std::uint64_t>(position.durable_lsn)};
  if (!position.__isset.receipt) return out;
  if (position.receipt.size() != out.receipt.bytes.size())
    return where.invalid("receipt", "has not 16 bytes");
  std::copy(position.receipt.begin(), position.receipt.end(), out.receipt.bytes.begin());
  return out;
}

Result<Outcome> from_wire(v1::Outcome::type outcome, const Where& where) {
  switch (outcome) {
    case v1::Outcome::UNKNOWN:
      break;
    case v1::Outcome::PENDING:
      return Outcome::kPending;
    case v1::Outcome::COMMITTED:
      return Outcome::kCommitted;
    case v1::Outcome::ABORTED:
      return Outcome::kAborted;
    case v1::Outcome::IN_DOUBT:
      return Outcome::kInDoubt;
  }
  return where.invalid("", "is not a known value");
}

Result<CommitProtocol> from_wire(v1::CommitProtocol::type commit_protocol, const Where& where) {
  switch (commit_protocol) {
    case v1::CommitProtocol::UNKNOWN:
      break;
    case v1::CommitProtocol::ONE_PHASE:
      return CommitProtocol::kOnePhase;
    case v1::CommitProtocol::TWO_PHASE:
      return CommitProtocol::kTwoPhase;
    case v1::CommitProtocol::THREE_PHASE:
      return CommitProtocol::kThreePhase;
  }
  return where.invalid("", "is not a known value");
}

Result<AnswerAt> from_wire(v1::AnswerAt::type answer_at, const Where& where) {
  switch (answer_at) {
    case v1::AnswerAt::UNKNOWN:
      break;
    case v1::AnswerAt::DECIDED:
      return AnswerAt::kDecided;
    case v1::AnswerAt::APPLIED:
      return AnswerAt::kApplied;
  }
  return where.invalid("", "is not a known value");
}

Result<Role> from_wire(v1::Role::type role, const Where& where) {
  switch (role) {
    case v1::Role::UNKNOWN:
      break;
    case v1::Role::COORDINATOR:
      return Role::kCoordinator;
    case v1::Role::PARTICIPANT:
      return Role::kParticipant;
  }
  return where.invalid("", "is not a known value");
}

Result<Gtid> gtid_from_wire(bool is_set, const std::string& text, const Where& where,
                            std::string_view field) {
  if (!is_set || text.empty()) return where.missing(field);
  auto gtid = Gtid::parse(text);
  if (!gtid) return where.invalid(field, gtid.error().context);
  return *gtid;
}

Result<NodeName> name_from_wire(bool is_set, const std::string& text, const Where& where,
                                std::string_view field) {
  if (!is_set || text.empty()) return where.missing(field);
  auto name = NodeName::parse(text);
  if (!name) return where.invalid(field, name.error().context);
  return std::move(*name);
}

Result<Epoch> epoch_from_wire(std::int64_t epoch, const Where& where, std::string_view field) {
  if (epoch < 0 || epoch > std::numeric_limits<std::uint32_t>::max())
    return where.invalid(field, "is out of range");
  return Epoch{static_cast<std::uint32_t>(epoch)};
}

}  // namespace troth::thrift
