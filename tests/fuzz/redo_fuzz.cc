// The redo of a branch: any bytes decode or are refused; what decodes survives its own encoding,
// has locks, and applies to a database or is refused by it.
#include "participant/sqlite/apply.h"
#include "tests/fuzz/fuzz.h"

using namespace troth;
using namespace troth::participant;
using namespace troth::participant::sqlite;
using fuzz::require;

namespace {

constexpr const char* kSchema =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
    "CREATE TABLE did(gid TEXT PRIMARY KEY NOT NULL);"
    "CREATE TABLE w(k TEXT COLLATE NOCASE, n REAL, b BLOB, PRIMARY KEY(k, n)) WITHOUT ROWID;"
    "CREATE TABLE nopk(x, y UNIQUE);"
    "CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES a(id) ON DELETE CASCADE, g TEXT "
    "REFERENCES did(gid), s AS (p * 2) STORED);"
    "INSERT INTO a VALUES(1, 1000), (2, 1000); INSERT INTO did VALUES('t1'); INSERT INTO w "
    "VALUES('k', 1.5, x'00'); INSERT INTO nopk VALUES(1, 2); INSERT INTO child(id, p, g) "
    "VALUES(1, 1, 't1');";

struct World {
  World() {
    auto opened = Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    require(opened.has_value(), "a database in memory opens");
    db = std::move(*opened);
    require(db->execute(kSchema).has_value(), "the schema is sound");
    auto loaded = Schema::load(*db);
    require(loaded.has_value(), "the schema loads");
    schema = std::move(*loaded);
    effects = std::make_unique<SideEffects>(*db);
    applier = std::make_unique<Applier>(*db, schema, *effects);
  }
  std::unique_ptr<Connection> db;
  Schema schema;
  std::unique_ptr<SideEffects> effects;
  std::unique_ptr<Applier> applier;
};

Value value_from(fuzz::Input& input) {
  switch (input.byte() % 6) {
    case 0:
      return std::monostate{};
    case 1:
      return std::int64_t{input.byte()};
    case 2:
      return static_cast<std::int64_t>(std::uint64_t{input.word()} << (input.byte() % 49));
    case 3: {
      const double numerator = input.word();
      return numerator / (input.byte() - 7.5);
    }
    case 4:
      return std::string(input.take(input.byte() % 32));
    default:
      return Blob{std::string(input.take(input.byte() % 32))};
  }
}

// Row operations that fit the schema, with any values; what a capture could have produced, and
// more.
std::vector<RowOp> operations_from(const Schema& schema, fuzz::Input& input) {
  std::vector<RowOp> out(input.byte() % 8);
  for (auto& op : out) {
    op.kind = static_cast<RowOpKind>(1 + input.byte() % 3);
    op.table = input.byte() % 5;
    const auto& table = schema.table(op.table);
    op.old_rowid = input.byte() % 4;
    op.new_rowid = input.byte() % 4;
    for (auto* row : {&op.old_row, &op.new_row}) {
      if (row == &op.old_row ? op.kind == RowOpKind::kInsert : op.kind == RowOpKind::kDelete)
        continue;
      for (std::size_t c = 0; c < table.columns.size(); ++c) row->push_back(value_from(input));
    }
  }
  return out;
}

void run(World& world, const std::vector<RowOp>& operations) {
  static_cast<void>(locks_of(world.schema, operations));
  require(world.db->execute("BEGIN").has_value(), "a transaction begins");
  static_cast<void>(world.applier->apply(operations));
  if (world.db->in_transaction())
    require(world.db->execute("ROLLBACK").has_value(), "a transaction is undone");
}

std::vector<LockRequest> locks_from(const Schema& schema, fuzz::Input& input) {
  std::vector<LockRequest> out(input.byte() % 8U);
  for (auto& [resource, mode] : out) {
    resource.table = static_cast<std::uint32_t>(input.byte() % schema.size());
    const auto keys = schema.table(resource.table).unique.size() + 1;  // the rowid is one
    const auto key = input.byte() % (keys + 1);
    if (key < keys) {
      resource.index = static_cast<std::uint32_t>(key);
      resource.key = std::string(3, static_cast<char>(input.byte()));
    }
    mode = static_cast<LockMode>(input.byte() % kLockModes);
  }
  return out;
}

void any_operations(World& world, fuzz::Input input) {
  const auto locks = locks_from(world.schema, input);
  const auto operations = operations_from(world.schema, input);
  const auto encoded = encode_redo(world.schema, operations, locks);
  const auto decoded = decode_redo(world.schema, encoded);
  require(decoded.has_value() && decoded->operations.size() == operations.size() &&
              decoded->locks.size() == locks.size() &&
              encode_redo(world.schema, decoded->operations, decoded->locks) == encoded,
          "decode(encode(x)) = x");
  run(world, operations);
}

}  // namespace

// The first byte says whether the rest is a redo or what one is made from.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  fuzz::Input input(fuzz::text_of(data, size));
  if (input.byte() % 2 == 1) {
    any_operations(world, input);
    return 0;
  }
  const auto redo = decode_redo(world.schema, input.rest());
  if (!redo) return 0;
  for (const auto& op : redo->operations) {
    const auto columns = world.schema.table(op.table).columns.size();
    require(op.old_row.size() == (op.kind == RowOpKind::kInsert ? 0 : columns) &&
                op.new_row.size() == (op.kind == RowOpKind::kDelete ? 0 : columns),
            "rows have a value for every column");
  }
  const auto encoded = encode_redo(world.schema, redo->operations, redo->locks);
  const auto again = decode_redo(world.schema, encoded);
  require(
      again.has_value() && encode_redo(world.schema, again->operations, again->locks) == encoded,
      "decode(encode(x)) = x");
  run(world, redo->operations);
  return 0;
}
