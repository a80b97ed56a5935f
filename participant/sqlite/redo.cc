#include "participant/sqlite/redo.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "participant/sqlite/added_column.h"
#include "participant/sqlite/redo_locks.h"
#include "participant/sqlite/text_encoding.h"
#include "participant/sqlite/untouched.h"
#include "participant/sqlite/virtual_columns.h"
#include "troth/sqlite_refusals.h"

namespace troth::participant::sqlite {

namespace {

// 2, 5 and 6 are the redo of a schema change (schema_change.cc).
constexpr std::uint8_t kWithUntouched = 7, kRedoFormat = 4, kWithoutRowids = 3, kWithoutLocks = 1;

void put_row(ByteWriter& out, const std::vector<Value>& row) {
  out.varint(row.size());
  for (const auto& value : row) protocol::encode(out, value);
}

std::vector<Value> get_row(ByteReader& in) {
  std::vector<Value> row;
  const std::size_t n = in.count(1);
  for (std::size_t i = 0; i < n && in.ok(); ++i) row.push_back(protocol::decode_value(in));
  return row;
}

void get_untouched(ByteReader& in, RowOp& op) {
  const std::size_t n = in.count(1);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const auto column = in.varint();
    if (column >= op.new_row.size() || column >= op.old_row.size()) return in.fail_here();
    op.untouched.push_back(static_cast<std::uint32_t>(column));
  }
}

std::uint64_t size_of(const std::vector<Value>& row) {
  std::uint64_t bytes = 0;
  for (const auto& value : row) {
    bytes += 16;
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* blob = std::get_if<Blob>(&value)) bytes += blob->bytes.size();
  }
  return bytes;
}

void drop_repeated(std::vector<LockRequest>& requests) {
  auto end = requests.begin();
  for (auto at = requests.begin(); at != requests.end(); ++at) {
    const bool known = std::any_of(requests.begin(), end, [&](const LockRequest& other) {
      return other.mode == at->mode && other.resource == at->resource;
    });
    if (known) continue;
    if (end != at) *end = std::move(*at);
    ++end;
  }
  requests.erase(end, requests.end());
}

constexpr const char* kWhen =
    "a transaction that is to be redone was executed before the file was changed while the agent "
    "was down";

Error rows_moved(const std::string& table) {
  return {ErrorCode::kCorruption,
          fmt::format("rows of table {} have no key, and their numbers may have moved (VACUUM does "
                      "that): {}",
                      table, kWhen)};
}

// The table as it was when the redo was written, or why it no longer is.
Result<std::uint32_t> find_table(const Schema& schema, const std::string& name, bool rowids_moved,
                                 ByteReader& in) {
  const auto* table = schema.find(name);
  if (in.ok() && table == nullptr)
    return fail(ErrorCode::kCorruption, fmt::format("table {} is gone: {}", name, kWhen));
  const std::size_t columns = in.count(1);
  for (std::size_t c = 0; c < columns && in.ok(); ++c) {
    const std::string column(in.bytes());
    if (in.ok() && (c >= table->columns.size() || table->columns[c].name != column))
      return fail(
          ErrorCode::kCorruption,
          fmt::format("column {} of table {} is not where it was: {}", column, name, kWhen));
  }
  if (!in.ok()) return 0;  // the caller's finish() reports it
  if (columns != table->columns.size())
    return fail(ErrorCode::kCorruption, fmt::format("column {} of table {} is new: {}",
                                                    table->columns[columns].name, name, kWhen));
  if (rowids_moved && table->identity == RowIdentity::kRowid) return fail(rows_moved(name));
  return table->number;
}

bool fits(const TableInfo& table, const RowOp& op) {
  const auto columns = table.columns.size();
  const bool sequence = op.kind == RowOpKind::kSequence;
  return op.old_row.size() == (sequence || op.kind == RowOpKind::kInsert ? 0 : columns) &&
         op.new_row.size() == (sequence || op.kind == RowOpKind::kDelete ? 0 : columns);
}

// Only keys find the rows of a record whose hidden rowids do not hold.
Status settle_rowid(const TableInfo& table, bool rowids_hold, bool rowids_moved, RowOp& op) {
  op.keeps_rowid = rowids_hold || table.identity != RowIdentity::kPrimaryKeyValue;
  if (op.kind == RowOpKind::kSequence || table.identity != RowIdentity::kPrimaryKeyValue) return {};
  const auto nameless = [&](const std::vector<Value>& row) {
    return !row.empty() && named_by_rowid(table, row);
  };
  if (rowids_moved && (nameless(op.old_row) || nameless(op.new_row)))
    return fail(rows_moved(table.name));
  return {};
}

int virtual_before(const TableInfo& table, int column) {
  return static_cast<int>(std::count_if(table.columns.begin(), table.columns.begin() + column,
                                        [](const ColumnInfo& c) { return c.virtual_column; }));
}

// Where the stored row has a column: VIRTUAL ones are left out, and the key of a WITHOUT ROWID table
// comes first.
int place_in_row(const TableInfo& table, int column) {
  if (!table.without_rowid) return column - virtual_before(table, column);
  const auto& key = table.primary_key;
  const auto in_key = std::find(key.begin(), key.end(), column);
  if (in_key != key.end()) return static_cast<int>(in_key - key.begin());
  const auto before = std::count_if(key.begin(), key.end(), [&](int k) { return k < column; });
  return static_cast<int>(key.size()) + column - static_cast<int>(before) -
         virtual_before(table, column);
}

// The number by which the hook of SQLite 3.40 knows a column.
int reported_as(const TableInfo& table, int column, bool updated_row) {
  const bool as_stored = !table.without_rowid || updated_row;
  return as_stored ? column - virtual_before(table, column) : column;
}

// A column as a SELECT would show it; nothing if SQLite does not tell.
std::optional<Value> as_selected(const TableInfo& table, int column, sqlite3_value* reported,
                                 bool old_row) {
  constexpr double kExact = 9007199254740992.0, kIntegers = 9223372036854775808.0;  // 2^53, 2^63
  const auto& info = table.columns[static_cast<std::size_t>(column)];
  if (reported == missing_column()) return info.older_rows_show;
  auto value = value_of(reported);
  if (const auto* integer = std::get_if<std::int64_t>(&value);
      integer != nullptr && info.affinity == Affinity::kReal)
    return static_cast<double>(*integer);
  // For old rows it takes the type of the column that is declared at the place where this one is
  // stored: an integer becomes REAL if that one is REAL.
  const auto* real = std::get_if<double>(&value);
  const auto place = static_cast<std::size_t>(place_in_row(table, column));
  if (real == nullptr || info.affinity == Affinity::kReal || !old_row ||
      place == static_cast<std::size_t>(column))
    return value;
  if (place >= table.columns.size() || table.columns[place].affinity != Affinity::kReal ||
      std::trunc(*real) != *real || std::fabs(*real) > kIntegers)
    return value;
  if (std::fabs(*real) >= kExact) return std::nullopt;
  if (info.affinity == Affinity::kBlob) return value;  // which of the two it was: see apply.cc
  return static_cast<std::int64_t>(*real);
}

}  // namespace

std::string encode_redo(const Schema& schema, const std::vector<RowOp>& operations,
                        const std::vector<LockRequest>& locks) {
  constexpr std::size_t kUsualBytes = 256;
  ByteWriter out;
  out.reserve(kUsualBytes);
  // Whatever earlier versions can read they shall read.
  const bool untouched = std::any_of(operations.begin(), operations.end(),
                                     [](const RowOp& op) { return !op.untouched.empty(); });
  out.u8(untouched ? kWithUntouched : kRedoFormat);
  out.signed_varint(schema.version());
  std::vector<std::uint32_t> tables;
  for (const auto& op : operations)
    if (std::find(tables.begin(), tables.end(), op.table) == tables.end())
      tables.push_back(op.table);
  out.varint(tables.size());
  for (const auto number : tables) out.raw(schema.table(number).in_redo);
  out.varint(operations.size());
  for (const auto& op : operations) {
    out.u8(static_cast<std::uint8_t>(op.kind));
    out.varint(static_cast<std::uint64_t>(std::find(tables.begin(), tables.end(), op.table) -
                                          tables.begin()));
    out.signed_varint(op.old_rowid);
    out.signed_varint(op.new_rowid);
    put_row(out, op.old_row);
    put_row(out, op.new_row);
    if (!untouched) continue;
    out.varint(op.untouched.size());
    for (const auto column : op.untouched) out.varint(column);
  }
  put_locks(out, schema, locks);
  return out.take();
}

Result<Redo> decode_redo(const Schema& schema, std::string_view bytes) {
  ByteReader in(bytes);
  const auto format = in.u8();
  if (format != kWithUntouched && format != kRedoFormat && format != kWithoutRowids &&
      format != kWithoutLocks)
    return fail(ErrorCode::kUnsupported, "the redo of a branch has an unknown format");
  const auto version = in.signed_varint();
  const bool schema_changed = version != schema.version();
  const bool rowids_moved = !schema.rowids_hold(version);
  std::vector<std::uint32_t> tables;
  const std::size_t table_count = in.count(2);
  for (std::size_t i = 0; i < table_count && in.ok(); ++i) {
    const std::string name(in.bytes());
    TROTH_ASSIGN_OR_RETURN(const auto number, find_table(schema, name, rowids_moved, in));
    tables.push_back(number);
  }
  Redo redo;
  const std::size_t n = in.count(6);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    RowOp op;
    const auto kind = in.u8();
    const auto table = in.varint();
    if (kind < 1 || kind > 4 || table >= tables.size()) {
      in.fail_here();
      break;
    }
    op.kind = static_cast<RowOpKind>(kind);
    op.table = tables[static_cast<std::size_t>(table)];
    op.old_rowid = in.signed_varint();
    op.new_rowid = in.signed_varint();
    op.old_row = get_row(in);
    op.new_row = get_row(in);
    if (format == kWithUntouched) get_untouched(in, op);
    if (!fits(schema.table(op.table), op)) {
      in.fail_here();
      break;
    }
    TROTH_TRY(settle_rowid(schema.table(op.table), format >= kRedoFormat && !rowids_moved,
                           rowids_moved, op));
    redo.operations.push_back(std::move(op));
  }
  if (format != kWithoutLocks && in.ok()) redo.locks = get_locks(in, schema, schema_changed);
  TROTH_TRY(in.finish("the redo of a branch"));
  return redo;
}

namespace {

// The locks of the old row are then among those of the new one.
bool same_keys(const TableInfo& table, const RowOp& update) {
  return update.old_rowid == update.new_rowid &&
         std::all_of(table.unique.begin(), table.unique.end(), [&](const IndexInfo& index) {
           return index.expression ||
                  std::all_of(index.columns.begin(), index.columns.end(), [&](int column) {
                    const auto at = static_cast<std::size_t>(column);
                    return update.old_row[at] == update.new_row[at];
                  });
         });
}

}  // namespace

std::vector<LockRequest> locks_of(const Schema& schema, const std::vector<RowOp>& operations) {
  std::vector<LockRequest> out;
  constexpr std::size_t kUsual = 4;
  out.reserve(kUsual);
  for (const auto& op : operations) {
    const auto& table = schema.table(op.table);
    if (op.kind == RowOpKind::kSequence) {
      out.push_back({{op.table, Resource::kWholeTable, {}}, LockMode::kIX});
      continue;
    }
    if (op.kind == RowOpKind::kDelete || (op.kind == RowOpKind::kUpdate && !same_keys(table, op)))
      schema.locks_for_row({table, op.old_rowid, op.old_row, false, false}, out);
    const bool rowid_is_new =
        op.keeps_rowid && (op.kind == RowOpKind::kInsert || op.old_rowid != op.new_rowid);
    if (op.kind != RowOpKind::kDelete)
      schema.locks_for_row({table, op.new_rowid, op.new_row, true, rowid_is_new}, out);
  }
  if (operations.size() == 1) drop_repeated(out);
  return out;
}

Capture::Capture(sqlite3* db, const Schema& schema) : schema_(schema) {
  sqlite3_preupdate_hook(db, &Capture::hook, this);
}

void Capture::begin(std::uint64_t max_bytes, std::uint64_t used) {
  operations_.clear();
  blob_writes_.begin();
  bytes_ = used;
  max_bytes_ = max_bytes;
  failure_ = {};
  active_ = true;
}

void Capture::watch() {
  watched_.clear();
  watching_ = true;
}

std::vector<RowOp> Capture::end() {
  active_ = false;
  watching_ = false;
  return std::exchange(operations_, {});
}

void Capture::hook(void* self, sqlite3* db, int op, const char* database, const char* table,
                   sqlite3_int64 old_rowid, sqlite3_int64 new_rowid) {
  auto* capture = static_cast<Capture*>(self);
  if (capture->watching_) {
    auto name = folded_name(table);
    if (name.rfind("sqlite_", 0) != 0 && name.rfind("troth_", 0) != 0)
      capture->watched_.insert(std::move(name));
    return;
  }
  if (capture->active_ && capture->failure_.code == AbortCode::kNone &&
      std::string_view(database) == "main")
    capture->note(db, op, table, old_rowid, new_rowid);
}

void Capture::cannot(AbortCode code, std::string detail) {
  if (failure_.code == AbortCode::kNone) failure_ = {code, std::move(detail), {}, -1};
}

std::vector<Value> Capture::image(sqlite3* db, const TableInfo& table, Image which, RowOpKind kind,
                                  std::int64_t rowid) {
  std::vector<Value> out;
  out.reserve(table.columns.size());
  const bool old = which == Image::kOld;
  auto* const get = old ? sqlite3_preupdate_old : sqlite3_preupdate_new;
  for (int column = 0; column < static_cast<int>(table.columns.size()); ++column) {
    const auto& info = table.columns[static_cast<std::size_t>(column)];
    if (info.virtual_column) {
      out.emplace_back();  // follows from the others
      continue;
    }
    if (column == table.rowid_column) {
      out.emplace_back(rowid);  // the declared rowid is not part of the stored record
      continue;
    }
    sqlite3_value* value = nullptr;
    const int number = reported_as(table, column, kind == RowOpKind::kUpdate && !old);
    const bool given = get(db, number, &value) == SQLITE_OK && value != nullptr;
    if (given && schema_.stores_utf16() && !survives_utf8(value))
      cannot(AbortCode::kRefusedNotRepeatable,
             fmt::format("column {} of {} holds text that is not well-formed UTF-16: no redo would "
                         "bring it back; correct it while the agent is stopped, or keep a blob",
                         info.name, table.name));
    auto seen = given ? as_selected(table, column, value, old) : std::nullopt;
    if (!seen)
      cannot(AbortCode::kRefusedNotRepeatable,
             fmt::format("column {} of {} holds a number that SQLite {} does not report exactly "
                         "where columns are not stored in the order of their declaration; give "
                         "the column a type",
                         info.name, table.name, sqlite3_libversion()));
    out.push_back(std::move(seen).value_or(Value()));
  }
  return out;
}

void Capture::note(sqlite3* db, int op, const char* name, std::int64_t old_rowid,
                   std::int64_t new_rowid) {
  if (!known_ || last_name_ != name) {
    known_ = true;
    last_name_ = name;
    last_table_ = schema_.find(name);
  }
  const auto* table = last_table_;
  if (table == nullptr || (table->is_system && !table->is_sequence)) return;
  if (table->has_virtual_column && !can_capture(*table))  // reached by a foreign-key action
    return cannot(sqlite_refusal::kVirtualColumn, why_not_captured(*table));
  if (table->identity == RowIdentity::kRowid && table->rowid_name.empty())
    return cannot(
        sqlite_refusal::kHiddenRowid,
        fmt::format("columns of {} hide rowid, oid and _rowid_, so its rows have no name; "
                    "rename one of these columns",
                    table->name));
  RowOp row;
  row.table = table->number;
  const int written = op == SQLITE_DELETE ? sqlite3_preupdate_blobwrite(db) : -1;  // its column
  row.kind = op == SQLITE_INSERT                  ? RowOpKind::kInsert
             : op == SQLITE_DELETE && written < 0 ? RowOpKind::kDelete
                                                  : RowOpKind::kUpdate;
  if (!table->without_rowid) {
    row.old_rowid = old_rowid;
    row.new_rowid = written < 0 ? new_rowid : old_rowid;
  }
  if (row.kind != RowOpKind::kInsert)
    row.old_row = image(db, *table, Image::kOld, row.kind, old_rowid);
  if (written >= 0)
    row.new_row = row.old_row;
  else if (row.kind != RowOpKind::kDelete)
    row.new_row = image(db, *table, Image::kNew, row.kind, new_rowid);
  blob_writes_.found(row, operations_);
  if (written < 0) leave_out_untouched(*table, row);  // or its new bytes could not be filled in
  bytes_ += 32 + size_of(row.old_row) + size_of(row.new_row);
  if (bytes_ > max_bytes_)
    cannot(AbortCode::kBranchTooBig,
           fmt::format("the branch changes more than {} bytes of rows", max_bytes_));
  const auto nameless = [&](const std::vector<Value>& values) {
    return !values.empty() && table->rowid_name.empty() && named_by_rowid(*table, values);
  };
  if (nameless(row.old_row) || nameless(row.new_row))
    cannot(sqlite_refusal::kNullPrimaryKey,
           fmt::format("NULL in the primary key of {}, whose columns hide rowid, oid and _rowid_: "
                       "such a row has no name",
                       table->name));
  if (written >= 0) blob_writes_.note(operations_.size(), written);
  operations_.push_back(std::move(row));
}

}  // namespace troth::participant::sqlite
