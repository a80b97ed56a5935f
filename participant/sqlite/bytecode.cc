#include "participant/sqlite/bytecode.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace troth::participant::sqlite {

namespace {

constexpr int kP2IsRegister =
    0x10;  // OPFLAG_P2ISREG: the root page is computed (CREATE TABLE and the like)

const std::set<std::string, std::less<>> kScans = {
    "Rewind",   "Last", "Sort", "SorterSort", "SeekGT", "SeekLE",  "SeekLT",
    "SeekScan", "Next", "Prev", "Count",      "Clear",  "VFilter", "SeekEnd"};
// Opcodes that put something into register p2, p3 or p1: a key register with such a writer is not a
// constant.
const std::set<std::string, std::less<>> kWritesP2 = {
    "Rowid",      "Sequence", "NewRowid",    "Count",  "RowData",    "IdxRowid",
    "Param",      "Not",      "BitNot",      "IsTrue", "ReadCookie", "OffsetLimit",
    "ZeroOrNull", "Blob",     "BeginSubrtn", "Null",   "SorterData", "VInitIn"};
const std::set<std::string, std::less<>> kWritesP3 = {
    "Column",     "Function",   "PureFunc",  "Add",      "Subtract",   "Multiply",
    "Divide",     "BitAnd",     "Remainder", "BitOr",    "Concat",     "ShiftLeft",
    "ShiftRight", "MakeRecord", "Or",        "AggValue", "And",        "Offset",
    "VColumn",    "RowSetRead", "Program",   "AggStep",  "AggInverse", "IfNullRow"};
const std::set<std::string, std::less<>> kWritesP1 = {
    "InitCoroutine", "EndCoroutine", "Yield", "Gosub",     "Cast",   "AggFinal",
    "MemMax",        "DecrJumpZero", "IfPos", "IfNotZero", "AddImm", "SoftNull"};

// What a program may consist of that does its work once and soon: nothing that repeats, calls a
// function or builds a long value.
const std::set<std::string, std::less<>> kQuickOpcodes = {
    "Init",      "Transaction",  "Goto",       "Halt",      "HaltIfNull",   "OpenRead",
    "OpenWrite", "SeekRowid",    "NotExists",  "Found",     "NotFound",     "NoConflict",
    "Column",    "Rowid",        "NewRowid",   "Variable",  "Integer",      "Int64",
    "Real",      "String8",      "Null",       "Copy",      "SCopy",        "Move",
    "Add",       "Subtract",     "Multiply",   "Divide",    "Remainder",    "Eq",
    "Ne",        "Lt",           "Le",         "Gt",        "Ge",           "If",
    "IfNot",     "IsNull",       "NotNull",    "MustBeInt", "RealAffinity", "Affinity",
    "Cast",      "MakeRecord",   "Insert",     "Delete",    "IdxInsert",    "IdxDelete",
    "IdxRowid",  "DeferredSeek", "FinishSeek", "ResultRow", "Close",        "Noop",
    "TypeCheck", "SoftNull",     "SeekGE",     "IdxGT"};

struct Register {
  std::optional<KeyPart> constant;
  int constant_writers = 0;
  int other_writers = 0;  // the following two are counted here as well
  int null_writers = 0;
  std::vector<int> rowid_of;  // cursors: a row already found through a locked path
  std::vector<int> row_sets;  // filled with such rows, see row_sets_
  std::vector<int> copied_from;
};

struct Cursor {
  std::uint32_t table = 0;
  std::optional<std::uint32_t> unique_index;
  bool is_index = false;  // unique or not
  bool for_writing = false;
};

// One program of the listing: the statement itself or one trigger.
class Program {
 public:
  Program(const std::map<std::int64_t, RootPage>& roots, const Schema& schema, bool conflict_clause,
          StatementInfo& info)
      : roots_(roots), schema_(schema), conflict_clause_(conflict_clause), info_(info) {}

  void read(const std::vector<Instruction>& code) {
    for (const auto& op : code) {
      note_opened(op);
      note_registers(op);
    }
    for (std::size_t i = 0; i < code.size(); ++i) note_cursor(code, i);
  }

 private:
  void constant(int reg, KeyPart part) {
    auto& r = registers_[reg];
    r.constant = std::move(part);
    ++r.constant_writers;
  }

  void note_registers(const Instruction& op) {
    const auto& name = op.opcode;
    if (name == "Variable") return constant(op.p2, {op.p1, {}});
    if (name == "Integer") return constant(op.p2, {0, std::int64_t{op.p1}});
    if (name == "Int64")
      return constant(op.p2, {0, std::int64_t{std::strtoll(op.p4.c_str(), nullptr, 10)}});
    if (name == "Real") {  // listed with 16 digits, which is not always the number
      ++registers_[op.p2].other_writers;
      return;
    }
    if (name == "String8" || name == "String") return constant(op.p2, {0, op.p4});
    if (name == "SCopy" || name == "IntCopy") {
      registers_[op.p2].copied_from.push_back(op.p1);
      return;
    }
    if (name == "Copy" || name == "Move") {
      const int last = name == "Copy" ? op.p3 : op.p3 - 1;
      for (int k = 0; k <= last; ++k) registers_[op.p2 + k].copied_from.push_back(op.p1 + k);
      return;
    }
    if (name == "Null") {
      for (int reg = op.p2; reg <= std::max(op.p2, op.p3); ++reg) {
        ++registers_[reg].other_writers;
        ++registers_[reg].null_writers;
      }
      return;
    }
    if (kWritesP2.count(name) != 0) {
      auto& r = registers_[op.p2];
      ++r.other_writers;
      if (name == "Rowid" || name == "IdxRowid") r.rowid_of.push_back(op.p1);
    }
    if (kWritesP3.count(name) != 0) {
      auto& r = registers_[op.p3];
      ++r.other_writers;
      if (name == "RowSetRead") r.row_sets.push_back(op.p1);
    }
    if (name == "RowSetAdd") row_sets_[op.p1].push_back(op.p2);
    if (kWritesP1.count(name) != 0) ++registers_[op.p1].other_writers;
  }

  const Register& at(int reg) const {
    static const Register none;
    const auto found = registers_.find(reg);
    return found == registers_.end() ? none : found->second;
  }

  std::optional<KeyPart> traced(int reg, int depth = 0) const {
    const auto& r = at(reg);
    const auto writers =
        r.constant_writers + r.other_writers + static_cast<int>(r.copied_from.size());
    if (writers != 1 || depth > 8) return std::nullopt;
    if (r.constant_writers == 1) return r.constant;
    if (r.copied_from.size() == 1) return traced(r.copied_from[0], depth + 1);
    return std::nullopt;
  }

  // Is it always the rowid of `table` (or NULL) at which a cursor is positioned?
  bool is_row_of(std::uint32_t table, int reg, int depth = 0) const {
    const auto& r = at(reg);
    const auto found = r.rowid_of.size() + r.row_sets.size();
    const auto others = static_cast<std::size_t>(r.other_writers - r.null_writers);
    if (r.constant_writers != 0 || others != found || depth > 8 ||
        found + r.copied_from.size() == 0)
      return false;
    const auto on_table = [&](int cursor) {
      const auto opened = opened_.find(cursor);
      return opened != opened_.end() && opened->second.size() == 1 &&
             *opened->second.begin() == std::int64_t{table};
    };
    const auto is_row = [&](int from) { return is_row_of(table, from, depth + 1); };
    return std::all_of(r.rowid_of.begin(), r.rowid_of.end(), on_table) &&
           std::all_of(r.copied_from.begin(), r.copied_from.end(), is_row) &&
           std::all_of(r.row_sets.begin(), r.row_sets.end(), [&](int set) {
             const auto rows = row_sets_.find(set);
             return rows != row_sets_.end() &&
                    std::all_of(rows->second.begin(), rows->second.end(), is_row);
           });
  }

  void need(std::uint32_t table, LockMode mode) {
    const auto [entry, is_new] = info_.tables.emplace(table, mode);
    if (!is_new) entry->second = combined(entry->second, mode);
  }

  static bool opens_table(const std::string& name) {
    return name == "OpenRead" || name == "OpenWrite" || name == "ReopenIdx";
  }

  const RootPage* root_of(const Instruction& op) const {
    if (op.p3 != 0 || (op.p5 & kP2IsRegister) != 0) return nullptr;
    const auto root = roots_.find(op.p2);
    return root == roots_.end() ? nullptr : &root->second;
  }

  void note_opened(const Instruction& op) {
    const bool table = opens_table(op.opcode);
    if (!table && op.opcode.rfind("Open", 0) != 0 && op.opcode != "SorterOpen" &&
        op.opcode != "VOpen")
      return;
    const auto* root = table ? root_of(op) : nullptr;
    opened_[op.p1].insert(root == nullptr ? -1 : std::int64_t{root->table});
  }

  void open(const Instruction& op, bool for_writing) {
    cursors_.erase(op.p1);
    const auto* root = root_of(op);
    if (root == nullptr) return;  // sqlite_schema and other system tables
    cursors_[op.p1] = {root->table, root->index, root->index.has_value() || root->plain_index,
                       for_writing};
    need(root->table, for_writing ? LockMode::kIX : LockMode::kIS);
  }

  void point(const Cursor& cursor, std::uint32_t index, int first_reg, std::size_t columns) {
    PointRead read{cursor.table, index, {}, cursor.for_writing ? LockMode::kX : LockMode::kS};
    for (std::size_t k = 0; k < columns; ++k) {
      const auto part = traced(first_reg + static_cast<int>(k));
      if (!part) return need(cursor.table, LockMode::kS);
      read.key.push_back(*part);
    }
    info_.points.push_back(std::move(read));
  }

  std::size_t key_columns(const Cursor& cursor) const {
    for (const auto& index : schema_.table(cursor.table).unique)
      if (cursor.unique_index == index.number && !index.expression) return index.columns.size();
    return 0;
  }

  void search_rowid(const Instruction& op, const Cursor& cursor) {
    if (is_row_of(cursor.table, op.p3)) return;
    if (schema_.table(cursor.table).identity == RowIdentity::kPrimaryKeyValue)
      return need(cursor.table, LockMode::kS);
    if (traced(op.p3)) return point(cursor, 0, op.p3, 1);
    // The uniqueness probe of an INSERT: its row is locked by capture, or the branch fails.
    const bool probe = cursor.for_writing && op.opcode == "NotExists" && !conflict_clause_;
    if (!probe) need(cursor.table, LockMode::kS);
  }

  void search_index(const std::vector<Instruction>& code, std::size_t i, const Cursor& cursor) {
    const auto& op = code[i];
    const auto columns =
        static_cast<std::size_t>(std::max(0L, std::strtol(op.p4.c_str(), nullptr, 10)));
    const bool whole_key = columns > 0 && columns == key_columns(cursor);
    const bool bounded =
        op.opcode == "Found" || op.opcode == "NotFound" ||
        std::any_of(code.begin(), code.end(), [&](const Instruction& end) {
          return end.opcode == "IdxGT" && end.p1 == op.p1 && end.p3 == op.p3 && end.p4 == op.p4;
        });
    if (whole_key && bounded) return point(cursor, *cursor.unique_index, op.p3, columns);
    need(cursor.table, LockMode::kS);
  }

  void note_cursor(const std::vector<Instruction>& code, std::size_t i) {
    const auto& op = code[i];
    const auto& name = op.opcode;
    if (name == "OpenRead" || name == "ReopenIdx") return open(op, false);
    if (name == "OpenWrite") return open(op, true);
    if (name.rfind("Open", 0) ==
        0) {  // ephemeral tables, sorters, pseudo tables: no other transaction sees them
      cursors_.erase(op.p1);
      return;
    }
    const auto found = cursors_.find(op.p1);
    if (name == "Clear") {
      const auto root = roots_.find(op.p1);
      if (root != roots_.end()) need(root->second.table, LockMode::kSIX);
      return;
    }
    if (found == cursors_.end()) return;
    const Cursor& cursor = found->second;
    if (name == "NewRowid") {
      info_.allocates_ids.push_back(cursor.table);
    } else if (name == "SeekRowid" || name == "NotExists") {
      search_rowid(op, cursor);
    } else if (name == "SeekGE" || name == "Found" || name == "NotFound") {
      search_index(code, i, cursor);
    } else if (name == "NoConflict") {
      if (conflict_clause_) need(cursor.table, LockMode::kS);
    } else if (kScans.count(name) != 0) {
      need(cursor.table, LockMode::kS);
    }
  }

  const std::map<std::int64_t, RootPage>& roots_;
  const Schema& schema_;
  const bool conflict_clause_;
  StatementInfo& info_;
  std::map<int, Register> registers_;
  std::map<int, std::vector<int>> row_sets_;      // by register: the registers added to it
  std::map<int, std::set<std::int64_t>> opened_;  // tables by cursor, anywhere; -1 = anything else
  std::map<int, Cursor> cursors_;
};

}  // namespace

void read_bytecode(const std::vector<Instruction>& listing,
                   const std::map<std::int64_t, RootPage>& roots, const Schema& schema,
                   bool conflict_clause, StatementInfo& info) {
  info.quick = std::all_of(listing.begin(), listing.end(), [](const Instruction& op) {
    return kQuickOpcodes.count(op.opcode) != 0;
  });
  std::vector<Instruction> program;
  for (std::size_t i = 0; i <= listing.size(); ++i) {
    const bool next_program = i == listing.size() || (listing[i].address == 0 && !program.empty());
    if (next_program) {
      Program(roots, schema, conflict_clause, info).read(program);
      program.clear();
    }
    if (i < listing.size()) program.push_back(listing[i]);
  }
}

}  // namespace troth::participant::sqlite
