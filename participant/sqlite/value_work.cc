#include "participant/sqlite/value_work.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "participant/sqlite/bytecode.h"

namespace troth::participant::sqlite {

namespace {

// Bytes that a statement may read between two looks at the interrupt flag, about a nanosecond each.
constexpr std::int64_t kWork = std::int64_t{1} << 31;
constexpr std::int64_t kUnbounded = std::int64_t{1} << 40;  // of a length
constexpr std::int64_t kNumberLength = 32;                  // as text
constexpr std::int64_t kShort = 100;  // parameters for which the answer is kept
constexpr int kMostArguments = 127;

// Which registers an instruction puts something into, and which it reads.
enum class Does : std::uint8_t {
  kNothing,
  kNumberP1,
  kNumberP2,
  kNumberP3,
  kNulls,
  kNothingKnownP1,
  kNothingKnownP2,
  kNothingKnownP3,
  kString,
  kBlob,
  kVariable,
  kCopyOne,
  kCopyMany,
  kMoveMany,
  kConcat,
  kMakeRecord,
  kFunction,
  kAggregate,
  kCompareOne,
  kCompareMany,
  kArithmetic,
  kTestP1,
  kTestToP2,
  kAffinity,
  kSeekRow,
  kSeekKey,
};

const std::unordered_map<std::string_view, Does> kInstructions = [] {
  std::unordered_map<std::string_view, Does> all;
  const auto add = [&](Does does, std::initializer_list<std::string_view> names) {
    for (const auto name : names) all.emplace(name, does);
  };
  add(Does::kNothing,
      {"Init",         "Goto",         "Halt",         "HaltIfNull",    "Transaction",
       "OpenRead",     "OpenWrite",    "OpenDup",      "OpenAutoindex", "OpenEphemeral",
       "OpenPseudo",   "SorterOpen",   "ReopenIdx",    "Close",         "Rewind",
       "Last",         "Sort",         "SorterSort",   "SorterNext",    "SorterCompare",
       "Next",         "Prev",         "SeekScan",     "SeekHit",       "IfNoHope",
       "IdxInsert",    "IdxDelete",    "Insert",       "Delete",        "ResetCount",
       "SorterInsert", "ResultRow",    "Noop",         "Explain",       "IsNull",
       "NotNull",      "IsType",       "NullRow",      "DeferredSeek",  "FinishSeek",
       "Once",         "Return",       "Jump",         "TableLock",     "Expire",
       "CursorLock",   "CursorUnlock", "ColumnsUsed",  "ResetSorter",   "Clear",
       "VOpen",        "VFilter",      "VNext",        "VUpdate",       "RowSetAdd",
       "RowSetTest",   "FilterAdd",    "Filter",       "FkCounter",     "FkIfZero",
       "Permutation",  "ElseEq",       "Trace",        "CollSeq",       "TypeCheck",
       "IfNullRow",    "RealAffinity", "SequenceTest", "ReleaseReg",    "Abortable",
       "IfSmaller",    "VBegin"});
  add(Does::kNumberP1, {"InitCoroutine", "EndCoroutine", "Yield", "Gosub", "AddImm", "SoftNull",
                        "IfPos", "IfNotZero", "DecrJumpZero", "MemMax"});
  add(Does::kNumberP2,
      {"Integer", "Int64", "Real", "Rowid", "NewRowid", "IdxRowid", "Sequence", "Count",
       "ZeroOrNull", "BeginSubrtn", "IntCopy", "OffsetLimit", "ReadCookie", "Pagecount"});
  add(Does::kNumberP3, {"RowSetRead", "Offset"});
  add(Does::kNulls, {"Null"});
  add(Does::kNothingKnownP1, {"AggFinal"});
  add(Does::kNothingKnownP2, {"RowData", "SorterData", "Param"});
  add(Does::kNothingKnownP3, {"Column", "VColumn", "AggValue", "Program"});
  add(Does::kString, {"String8", "String"});
  add(Does::kBlob, {"Blob"});
  add(Does::kVariable, {"Variable"});
  add(Does::kCopyOne, {"SCopy"});
  add(Does::kCopyMany, {"Copy"});
  add(Does::kMoveMany, {"Move"});
  add(Does::kConcat, {"Concat"});
  add(Does::kMakeRecord, {"MakeRecord"});
  add(Does::kFunction, {"Function", "PureFunc"});
  add(Does::kAggregate, {"AggStep", "AggStep1", "AggInverse"});
  add(Does::kCompareOne, {"Eq", "Ne", "Lt", "Le", "Gt", "Ge"});
  add(Does::kCompareMany, {"Compare"});
  add(Does::kArithmetic, {"Add", "Subtract", "Multiply", "Divide", "Remainder", "BitAnd", "BitOr",
                          "ShiftLeft", "ShiftRight", "And", "Or"});
  add(Does::kTestP1, {"If", "IfNot", "Cast", "MustBeInt"});
  add(Does::kTestToP2, {"Not", "BitNot", "IsTrue"});
  add(Does::kAffinity, {"Affinity"});
  add(Does::kSeekRow, {"SeekRowid", "NotExists"});
  add(Does::kSeekKey, {"SeekGE", "SeekGT", "SeekLE", "SeekLT", "Found", "NotFound", "NoConflict",
                       "IdxGE", "IdxGT", "IdxLE", "IdxLT"});
  return all;
}();

constexpr bool is_numeric(int affinity) {
  return affinity >= 'C' && affinity <= 'E';
}

std::int64_t product(std::int64_t a, std::int64_t b) {
  return a != 0 && b > kUnbounded / a ? kUnbounded : a * b;
}

}  // namespace

// Turns the instructions of one program into steps.
class ValueWork::Reader {
 public:
  Reader(std::vector<Step>& steps, int base, const Instruction* code, std::size_t size)
      : steps_(steps), base_(base), code_(code), size_(size) {
    const auto jump = static_cast<std::size_t>(std::max(0, code[0].p2));
    constants_ = code[0].opcode == "Init" && jump > 1 ? jump : size;
    for (std::size_t i = 0; i < size; ++i)
      if (const auto found = kInstructions.find(code[i].opcode);
          found != kInstructions.end() && is_function(found->second))
        has_functions_ = true;
  }

  void read() {
    if (has_functions_) note_first_writers();
    for (std::size_t i = 0; i < size_; ++i) read(i);
  }
  /// One more than the highest register.
  int registers() const { return registers_; }

 private:
  static bool is_function(Does does) { return does == Does::kFunction; }

  void step(Kind kind, int from, int other, int to, std::int64_t length = 0) {
    for (const int reg : {from, other, to}) registers_ = std::max(registers_, base_ + reg + 1);
    steps_.push_back({kind, base_ + from, base_ + other, base_ + to, length});
  }
  void number(int to) { step(Kind::kNumber, 0, 0, to); }
  void unknown(int to) { step(Kind::kUnknown, 0, 0, to); }
  void reads(int from, int count = 1) {
    if (count > 0) step(Kind::kRead, from, from + count - 1, 0, count);
  }
  void copies(int from, int to, int count) {
    for (int k = 0; k < count; ++k) step(Kind::kCopy, from + k, 0, to + k);
  }

  void read(std::size_t i) {
    const auto& op = code_[i];
    const auto found = kInstructions.find(op.opcode);
    if (found == kInstructions.end()) {
      for (const int reg : {op.p1, op.p2, op.p3})
        if (reg > 0) unknown(reg);
      return;
    }
    if (is_function(found->second)) return call(i);
    if (!puts(op, found->second)) works(op, found->second);
  }

  // Instructions that only put something somewhere.
  bool puts(const Instruction& op, Does does) {
    switch (does) {
      case Does::kNothing:
        return true;
      case Does::kNumberP1:
        return number(op.p1), true;
      case Does::kNumberP2:
        return number(op.p2), true;
      case Does::kNumberP3:
        return number(op.p3), true;
      case Does::kNulls:
        for (int reg = op.p2; reg <= std::max(op.p2, op.p3); ++reg) number(reg);
        return true;
      case Does::kNothingKnownP1:
        return unknown(op.p1), true;
      case Does::kNothingKnownP2:
        return unknown(op.p2), true;
      case Does::kNothingKnownP3:
        return unknown(op.p3), true;
      case Does::kString:
        return step(Kind::kKnown, 0, 0, op.p2, static_cast<std::int64_t>(op.p4.size())), true;
      case Does::kBlob:
        return step(Kind::kKnown, 0, 0, op.p2, op.p1), true;
      case Does::kVariable:
        step(Kind::kParameter, 0, 0, op.p2, op.p1);
        return true;
      case Does::kCopyOne:
        return copies(op.p1, op.p2, 1), true;
      case Does::kCopyMany:
        return copies(op.p1, op.p2, op.p3 + 1), true;
      case Does::kMoveMany:
        return copies(op.p1, op.p2, op.p3), true;
      case Does::kConcat:
        return step(Kind::kJoin, op.p1, op.p2, op.p3), true;
      case Does::kMakeRecord:
        step(Kind::kRecord, op.p1, op.p1 + std::max(0, op.p2 - 1), op.p3, op.p2);
        return true;
      default:
        return false;
    }
  }

  void works(const Instruction& op, Does does) {
    switch (does) {
      case Does::kAggregate:
        reads(op.p2, op.p5);
        return unknown(op.p3);
      case Does::kCompareOne:
        if (!is_numeric(op.p5 & 0x47)) return step(Kind::kCompare, op.p1, op.p3, 0);
        reads(op.p1);  // SQLite looks for a number in each
        return reads(op.p3);
      case Does::kCompareMany:
        for (int k = 0; k < op.p3; ++k) step(Kind::kCompare, op.p1 + k, op.p2 + k, 0);
        return;
      case Does::kArithmetic:
        reads(op.p1);
        reads(op.p2);
        return number(op.p3);
      case Does::kTestP1:
        return reads(op.p1);
      case Does::kTestToP2:
        reads(op.p1);
        return number(op.p2);
      case Does::kAffinity:
        for (int k = 0; k < static_cast<int>(op.p4.size()); ++k)
          if (is_numeric(op.p4[static_cast<std::size_t>(k)])) reads(op.p1 + k);
        return;
      case Does::kSeekRow:
        return reads(op.p3);
      case Does::kSeekKey:
        return reads(op.p3, std::max(1, std::atoi(op.p4.c_str())));
      default:
        return;
    }
  }

  void call(std::size_t i) {
    const auto& op = code_[i];
    const std::string_view name(op.p4.data(), std::min(op.p4.find('('), op.p4.size()));
    const int count = arguments(i);
    const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (is_one_of({"like", "glob"})) {
      step(Kind::kPattern, op.p2, op.p2 + 1, 0);
    } else if (name == "json_patch") {
      step(Kind::kMergePatch, op.p2 + 1, op.p2, 0);
    }
    reads(op.p2, count);
    if (is_one_of({"like", "glob", "length", "instr", "unicode", "json_valid", "typeof", "abs"}))
      return number(op.p3);
    // Their result is no longer than their arguments.
    if (is_one_of({"lower", "upper", "trim", "ltrim", "rtrim", "substr", "substring"}))
      return copies(op.p2, op.p3, 1);
    unknown(op.p3);
  }

  // The listing does not say with how many arguments printf() or max() is called. They were put
  // into registers that follow each other, before the call or among the constants.
  int arguments(std::size_t i) const {
    const auto& op = code_[i];
    const auto open = op.p4.find('(');
    const int declared = open == std::string::npos ? -1 : std::atoi(op.p4.c_str() + open + 1);
    if (declared >= 0) return declared;
    int count = 0;
    while (count < kMostArguments && is_put_before(op.p2 + count, i)) ++count;
    return count;
  }
  bool is_put_before(int reg, std::size_t i) const {
    const auto found = first_writers_.find(reg);
    return found != first_writers_.end() && (found->second.code < i || found->second.constant);
  }

  struct FirstWriter {
    std::size_t code = ~std::size_t{0};
    bool constant = false;  // also among the constants
  };
  void note_first_writers() {
    for (std::size_t i = 0; i < size_; ++i) {
      const auto& op = code_[i];
      for (const int reg : {op.p1, op.p2, op.p3}) note_writer(reg, i);
      if (op.opcode == "Copy" || op.opcode == "Move" || op.opcode == "Null")
        for (int k = 0; k <= kMostArguments && k <= op.p3; ++k) note_writer(op.p2 + k, i);
    }
  }
  // Every register that an instruction names, read or written.
  void note_writer(int reg, std::size_t i) {
    if (reg <= 0) return;
    auto& first = first_writers_[reg];
    if (i >= constants_) {
      first.constant = true;
    } else {
      first.code = std::min(first.code, i);
    }
  }

  std::vector<Step>& steps_;
  const int base_;
  const Instruction* const code_;
  const std::size_t size_;
  std::size_t constants_ = 0;  // where the program computes its constants
  bool has_functions_ = false;
  int registers_ = 0;
  std::unordered_map<int, FirstWriter> first_writers_;
};

// The length that the value of each register may have.
class ValueWork::Bounds {
 public:
  Bounds(int registers, const std::vector<std::int64_t>& parameters, std::int64_t other_parameters)
      : lengths_(static_cast<std::size_t>(registers), -1),
        parameters_(parameters),
        other_parameters_(other_parameters) {}

  void find(const std::vector<Step>& steps) {
    constexpr int kRounds = 16, kExactRounds = 4;
    for (int round = 0; round < kRounds; ++round) {
      bool changed = false;
      for (const auto& step : steps) {
        const auto length = put_by(step);
        auto& known = lengths_[static_cast<std::size_t>(step.to)];
        if (length <= known) continue;
        known = round < kExactRounds ? length : kUnbounded;  // it may grow with each turn of a loop
        changed = true;
      }
      if (!changed) return;
    }
    std::fill(lengths_.begin(), lengths_.end(), kUnbounded);
  }
  std::int64_t of(int reg) const {
    const auto length = lengths_[static_cast<std::size_t>(reg)];
    return length < 0 ? kUnbounded : length;
  }

 private:
  // -1: nothing
  std::int64_t put_by(const Step& step) const {
    const auto now = [&](int reg) { return lengths_[static_cast<std::size_t>(reg)]; };
    switch (step.kind) {
      case Kind::kNumber:
        return kNumberLength;
      case Kind::kKnown:
        return step.length;
      case Kind::kUnknown:
        return kUnbounded;
      case Kind::kParameter: {
        const auto index = static_cast<std::size_t>(step.length) - 1;
        return index < parameters_.size() ? parameters_[index] : other_parameters_;
      }
      case Kind::kCopy:
        return now(step.from);
      case Kind::kJoin:
        if (now(step.from) < 0 || now(step.other) < 0) return -1;
        return std::min(kUnbounded, now(step.from) + now(step.other));
      case Kind::kRecord: {
        std::int64_t sum = kNumberLength;
        for (int k = 0; k < step.length && sum < kUnbounded; ++k)
          sum += std::max<std::int64_t>(0, now(step.from + k)) + kNumberLength;
        return std::min(kUnbounded, sum);
      }
      default:
        return -1;
    }
  }

  std::vector<std::int64_t> lengths_;
  const std::vector<std::int64_t>& parameters_;
  const std::int64_t other_parameters_;
};

ValueWork::ValueWork(const std::vector<Instruction>& listing) {
  constexpr std::int64_t kFrames = 16;  // of programs that call themselves
  for (std::size_t begin = 0; begin < listing.size();) {
    auto end = begin + 1;
    while (end < listing.size() && listing[end].address != 0) ++end;
    Reader reader(steps_, registers_, &listing[begin], end - begin);
    reader.read();
    registers_ = std::max(registers_, reader.registers());
    if (begin != 0 &&
        std::any_of(listing.begin() + static_cast<std::ptrdiff_t>(begin),
                    listing.begin() + static_cast<std::ptrdiff_t>(end),
                    [](const auto& op) { return op.opcode == "Program" && op.p5 == 0; }))
      times_ = kFrames;
    begin = end;
  }
  with_short_ = longest_if({}, kShort);
  if (longest_if({}, kUnbounded) < kLongest) return;
  steps_ = {};
  with_short_ = kLongest;
}

std::int64_t ValueWork::longest_if(const std::vector<std::int64_t>& parameters,
                                   std::int64_t other_parameters) const {
  constexpr std::int64_t kPatternStep = 2;      // costs as much as that many bytes read once
  constexpr std::int64_t kMemberLength = 4;     // of a JSON object, no less
  constexpr std::int64_t kMostMembers = 16384;  // so that their square takes a second
  Bounds bounds(registers_, parameters, other_parameters);
  bounds.find(steps_);
  std::int64_t known = 0, passes = 0;  // bytes; times that a value of unknown length is read
  const auto add = [&](std::int64_t times, std::int64_t length) {
    if (length < kUnbounded) {
      known = std::min(kUnbounded, known + product(times, length));
    } else {
      passes = std::min(kUnbounded, passes + times);
    }
  };
  for (const auto& step : steps_) {
    if (step.kind == Kind::kRead) {
      for (int k = 0; k < step.length; ++k) add(1, bounds.of(step.from + k));
    } else if (step.kind == Kind::kCompare) {
      add(1, std::min(bounds.of(step.from), bounds.of(step.other)));
    } else if (step.kind == Kind::kPattern) {
      add(kPatternStep * std::min(bounds.of(step.from), kLongestPattern), bounds.of(step.other));
    } else if (step.kind == Kind::kMergePatch) {
      const auto members = std::min(
          std::min(bounds.of(step.from), bounds.of(step.other)) / kMemberLength, kMostMembers);
      add(members, std::max(bounds.of(step.from), bounds.of(step.other)));
    }
  }
  known = product(known, times_);
  passes = product(passes, times_);
  if (known > kWork) return 0;
  return passes == 0 ? kLongest : std::min(kLongest, (kWork - known) / passes);
}

std::int64_t ValueWork::longest_value(const std::vector<Value>& parameters) const {
  if (steps_.empty()) return kLongest;
  std::vector<std::int64_t> lengths;
  lengths.reserve(parameters.size());
  bool short_ones = true;
  for (const auto& value : parameters) {
    const auto* text = std::get_if<std::string>(&value);
    const auto* blob = std::get_if<Blob>(&value);
    lengths.push_back(text != nullptr   ? static_cast<std::int64_t>(text->size())
                      : blob != nullptr ? static_cast<std::int64_t>(blob->bytes.size())
                                        : kNumberLength);
    short_ones &= lengths.back() <= kShort;
  }
  constexpr std::size_t kFewSteps = 200;
  if (short_ones && (with_short_ == kLongest || steps_.size() > kFewSteps)) return with_short_;
  return longest_if(lengths, 0);
}

}  // namespace troth::participant::sqlite
