#include "history/sqlite_key_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "history/sqlite_meta.h"

namespace troth::history {

using namespace protocol;

namespace {

std::string table_of(std::int64_t group) {
  return fmt::format("keys_{}", group);
}

Result<KeyRecord> decoded(const std::string& payload) {
  TROTH_ASSIGN_OR_RETURN(auto record, decode(static_cast<std::uint8_t>(RecordType::kKey), payload));
  return std::get<KeyRecord>(std::move(record));
}

}  // namespace

Result<std::unique_ptr<SqliteKeyStore>> SqliteKeyStore::open(const std::string& path,
                                                             const LogId& log_id, Options options) {
  TROTH_ASSIGN_OR_RETURN(auto writer, SqliteHandle::open(path));
  TROTH_ASSIGN_OR_RETURN(auto reader, SqliteHandle::open(path));
  std::unique_ptr<SqliteKeyStore> out(
      new SqliteKeyStore(options, std::move(writer), std::move(reader)));
  TROTH_ASSIGN_OR_RETURN(const auto stored, out->load(log_id));
  auto* const store = out.get();
  out->background_.start(
      {[store](const auto& batch, Lsn mark) { return store->store(batch, mark); },
       [store] { return store->tidy(); },
       [store] { static_cast<void>(store->writer_->run("ROLLBACK")); }},
      stored);
  return out;
}

SqliteKeyStore::~SqliteKeyStore() {
  background_.finish();
}

Result<Lsn> SqliteKeyStore::load(const LogId& log_id) {
  TROTH_TRY(
      writer_->run("BEGIN IMMEDIATE;"
                   "CREATE TABLE IF NOT EXISTS meta(name PRIMARY KEY, value);"
                   "CREATE TABLE IF NOT EXISTS groups(number INTEGER PRIMARY KEY,"
                   " keys INTEGER, newest_ms INTEGER, filter BLOB)"));
  SqliteMeta meta(*writer_);
  TROTH_TRY(meta.belong_to(log_id));
  TROTH_ASSIGN_OR_RETURN(const auto durable, meta.get("durable"));
  TROTH_ASSIGN_OR_RETURN(const auto open_group, meta.get("open_group"));
  used_ = durable != 0;
  {
    TROTH_ASSIGN_OR_RETURN(
        auto use,
        writer_->use("SELECT number, keys, newest_ms, filter FROM groups ORDER BY number"));
    int code = use.step();
    for (; code == SQLITE_ROW; code = use.step()) {
      auto& group = *groups_.emplace_back(
          std::make_unique<Group>(use.integer(0), KeyFilter(std::string_view(use.bytes(3)))));
      group.keys = static_cast<std::size_t>(use.integer(1));
      group.newest_ms = use.integer(2);
      group.full = true;
      size_ += group.keys;
    }
    if (code != SQLITE_DONE) return tl::unexpected(writer_->error("reading its groups"));
  }
  auto& open =
      *groups_.emplace_back(std::make_unique<Group>(open_group, KeyFilter(options_.group_keys)));
  TROTH_TRY(
      writer_->run(fmt::format("CREATE TABLE IF NOT EXISTS {}(fingerprint INTEGER,"
                               " record BLOB)",
                               table_of(open_group))));
  TROTH_TRY(load_group(open));
  TROTH_TRY(writer_->run("COMMIT"));
  return Lsn{static_cast<std::uint64_t>(durable)};
}

Status SqliteKeyStore::load_group(Group& group) {
  TROTH_ASSIGN_OR_RETURN(
      auto use, writer_->use(fmt::format("SELECT rowid, fingerprint, record FROM {} ORDER BY rowid",
                                         table_of(group.number))));
  int code = use.step();
  for (; code == SQLITE_ROW; code = use.step()) {
    const auto fingerprint = static_cast<std::uint64_t>(use.integer(1));
    TROTH_ASSIGN_OR_RETURN(const auto record, decoded(use.bytes(2)));
    group.filter.add(fingerprint);
    group.rows.emplace(fingerprint, use.integer(0));
    group.newest_ms = std::max(group.newest_ms, record.decided.unix_ms);
    ++group.keys;
    ++size_;
  }
  if (code == SQLITE_DONE) return {};
  return tl::unexpected(writer_->error("reading its newest keys"));
}

void SqliteKeyStore::add(const KeyRecord& record) {
  static_cast<void>(background_.add(
      {encode(Record(record)), fingerprint_of(record.idempotency_key), record.decided.unix_ms}));
}

bool SqliteKeyStore::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void SqliteKeyStore::forget_before(WallTime decided) {
  std::lock_guard lock(mutex_);
  forget_before_ = decided;
}

std::size_t SqliteKeyStore::size() const {
  const auto queued = background_.queued();
  std::lock_guard lock(mutex_);
  return size_ + queued;
}

// ---- the thread that writes

Status SqliteKeyStore::tidy() {
  if (groups_.back()->keys >= options_.group_keys) TROTH_TRY(close_group());
  return drop_old_groups();
}

Status SqliteKeyStore::store(const std::vector<Entry>& batch, Lsn mark) {
  Group& open = *groups_.back();  // only this thread changes the list
  std::vector<std::int64_t> rows;
  rows.reserve(batch.size());
  TROTH_TRY(writer_->run("BEGIN IMMEDIATE"));
  for (const auto& entry : batch) {
    TROTH_ASSIGN_OR_RETURN(auto use, writer_->use(fmt::format("INSERT INTO {} VALUES (?1, ?2)",
                                                              table_of(open.number))));
    use.bind(1, static_cast<std::int64_t>(entry.fingerprint))
        .bind(2, std::string_view(entry.record));
    if (use.step() != SQLITE_DONE) return tl::unexpected(writer_->error("storing a key"));
    rows.push_back(writer_->last_row());
  }
  TROTH_TRY(SqliteMeta(*writer_).set("durable", static_cast<std::int64_t>(mark.value)));
  TROTH_TRY(writer_->run("COMMIT"));
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    open.filter.add(batch[i].fingerprint);
    open.rows.emplace(batch[i].fingerprint, rows[i]);
    open.newest_ms = std::max(open.newest_ms, batch[i].decided_ms);
  }
  open.keys += batch.size();
  size_ += batch.size();
  used_ = true;
  return {};
}

Status SqliteKeyStore::close_group() {
  Group& open = *groups_.back();
  auto next = std::make_unique<Group>(open.number + 1, KeyFilter(options_.group_keys));
  const auto table = table_of(open.number);
  TROTH_TRY(
      writer_->run(fmt::format("BEGIN IMMEDIATE; CREATE INDEX {0}_f ON {0}(fingerprint);"
                               "CREATE TABLE {1}(fingerprint INTEGER, record BLOB)",
                               table, table_of(next->number))));
  {
    TROTH_ASSIGN_OR_RETURN(auto use, writer_->use("INSERT INTO groups VALUES (?1, ?2, ?3, ?4)"));
    use.bind(1, open.number).bind(2, static_cast<std::int64_t>(open.keys));
    use.bind(3, open.newest_ms).bind(4, open.filter.bytes());
    if (use.step() != SQLITE_DONE) return tl::unexpected(writer_->error("closing a group"));
  }
  TROTH_TRY(SqliteMeta(*writer_).set("open_group", next->number));
  TROTH_TRY(writer_->run("COMMIT"));
  std::lock_guard lock(mutex_);
  open.full = true;
  open.rows = {};
  groups_.push_back(std::move(next));
  return {};
}

Status SqliteKeyStore::drop_old_groups() {
  while (true) {
    std::unique_ptr<Group> old;
    {
      std::lock_guard lock(mutex_);
      const auto& first = *groups_.front();
      if (!first.full || first.newest_ms >= forget_before_.unix_ms) return {};
      old = std::move(groups_.front());
      groups_.erase(groups_.begin());
      size_ -= old->keys;
    }
    writer_->drop_statements();
    TROTH_TRY(writer_->run(
        fmt::format("BEGIN IMMEDIATE; DROP TABLE {}; DELETE FROM groups WHERE number = {}; COMMIT",
                    table_of(old->number), old->number)));
  }
}

// ---- the engine's thread

std::vector<SqliteKeyStore::Place> SqliteKeyStore::places_of(std::uint64_t fingerprint) const {
  std::vector<Place> out;
  std::lock_guard lock(mutex_);
  for (auto at = groups_.rbegin(); at != groups_.rend(); ++at) {
    const auto& group = **at;
    if (!group.filter.maybe(fingerprint)) continue;
    Place place{group.number, group.full, {}};
    const auto [first, last] = group.rows.equal_range(fingerprint);
    for (auto row = first; row != last; ++row) place.rows.push_back(row->second);
    std::sort(place.rows.rbegin(), place.rows.rend());
    out.push_back(std::move(place));
  }
  return out;
}

bool SqliteKeyStore::has_group(std::int64_t number) const {
  std::lock_guard lock(mutex_);
  return std::any_of(groups_.begin(), groups_.end(),
                     [&](const auto& group) { return group->number == number; });
}

Result<std::optional<KeyRecord>> SqliteKeyStore::read(const Place& place, std::uint64_t fingerprint,
                                                      const std::string& key) {
  const std::string where = place.full ? "fingerprint = ?1 ORDER BY rowid DESC" : "rowid = ?1";
  std::vector<std::int64_t> wanted = place.rows;
  if (place.full) wanted = {static_cast<std::int64_t>(fingerprint)};
  for (const auto value : wanted) {
    TROTH_ASSIGN_OR_RETURN(auto use, reader_->use(fmt::format("SELECT record FROM {} WHERE {}",
                                                              table_of(place.group), where)));
    use.bind(1, value);
    int code = use.step();
    for (; code == SQLITE_ROW; code = use.step()) {
      TROTH_ASSIGN_OR_RETURN(auto record, decoded(use.bytes(0)));
      if (record.idempotency_key == key) return std::optional(std::move(record));
    }
    if (code != SQLITE_DONE) return tl::unexpected(reader_->error("reading a key"));
  }
  return std::optional<KeyRecord>();
}

Result<std::optional<KeyRecord>> SqliteKeyStore::find(const std::string& key) {
  const auto fingerprint = fingerprint_of(key);
  reader_->keep_few_statements();
  for (const auto& place : places_of(fingerprint)) {
    auto found = read(place, fingerprint, key);
    if (!found && !has_group(place.group)) continue;  // it went meanwhile: too old
    if (!found || *found) return found;
  }
  return std::optional<KeyRecord>();
}

}  // namespace troth::history
