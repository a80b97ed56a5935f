#include "history/sqlite_outcome_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "history/sqlite_meta.h"

namespace troth::history {

namespace {

std::string part_table(std::int64_t part) {
  return fmt::format("ended_{}", part);
}

std::string create_part(std::int64_t part) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {}(gtid BLOB PRIMARY KEY, ended INTEGER, key BLOB,"
      " participants BLOB, record BLOB) WITHOUT ROWID",
      part_table(part));
}

// In the order of the gtids themselves.
std::string key_of(const Gtid& gtid) {
  std::string out;
  for (const auto word : {gtid.high(), gtid.low()})
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(word >> shift));
  return out;
}

Gtid gtid_of(std::string_view key) {
  std::array<std::uint64_t, 2> words{};
  for (std::size_t i = 0; i < 16 && i < key.size(); ++i)
    words[i / 8] = words[i / 8] << 8 | static_cast<std::uint8_t>(key[i]);
  return Gtid::from_words(words[0], words[1]);
}

// ",a,b,": so that ",a," says that a is one of them.
std::string list_of(const std::vector<NodeName>& names) {
  std::string out(",");
  for (const auto& name : names) out += name.text() + ",";
  return out;
}

}  // namespace

void SqliteOutcomeStore::Part::take(const EndedTransaction& ended, std::size_t size) {
  if (rows == 0 || ended.gtid < first) first = ended.gtid;
  if (rows == 0 || ended.gtid > last) last = ended.gtid;
  newest_ms = std::max(newest_ms, ended.ended.unix_ms);
  ++rows;
  bytes += size;
}

Result<std::unique_ptr<SqliteOutcomeStore>> SqliteOutcomeStore::open(const std::string& path,
                                                                     const LogId& log_id,
                                                                     Options options) {
  TROTH_ASSIGN_OR_RETURN(auto writer, SqliteHandle::open(path));
  TROTH_ASSIGN_OR_RETURN(auto reader, SqliteHandle::open(path));
  std::unique_ptr<SqliteOutcomeStore> out(
      new SqliteOutcomeStore(path, options, std::move(writer), std::move(reader)));
  TROTH_ASSIGN_OR_RETURN(const auto stored, out->load(log_id));
  auto* const store = out.get();
  out->background_.start(
      {[store](const auto& batch, Lsn mark) { return store->store(batch, mark); },
       [store] { return store->tidy(); },
       [store] { static_cast<void>(store->writer_->run("ROLLBACK")); }},
      stored);
  return out;
}

SqliteOutcomeStore::~SqliteOutcomeStore() {
  background_.finish();
}

Result<Lsn> SqliteOutcomeStore::load(const LogId& log_id) {
  TROTH_TRY(
      writer_->run("BEGIN IMMEDIATE;"
                   "CREATE TABLE IF NOT EXISTS meta(name PRIMARY KEY, value);"
                   "CREATE TABLE IF NOT EXISTS parts(number INTEGER PRIMARY KEY, rows INTEGER,"
                   " first BLOB, last BLOB, newest_ms INTEGER)"));
  SqliteMeta meta(*writer_);
  TROTH_TRY(meta.belong_to(log_id));
  TROTH_ASSIGN_OR_RETURN(const auto durable, meta.get("durable"));
  TROTH_ASSIGN_OR_RETURN(const auto open_part, meta.get("open_part"));
  TROTH_ASSIGN_OR_RETURN(const auto high, meta.get("forgotten_high"));
  TROTH_ASSIGN_OR_RETURN(const auto low, meta.get("forgotten_low"));
  TROTH_ASSIGN_OR_RETURN(const auto when, meta.get("forgotten_ms"));
  forgotten_ = {Gtid::from_words(static_cast<std::uint64_t>(high), static_cast<std::uint64_t>(low)),
                {when}};
  {
    TROTH_ASSIGN_OR_RETURN(auto use,
                           writer_->use("SELECT number, rows, first, last, newest_ms FROM parts"
                                        " ORDER BY number"));
    int code = use.step();
    for (; code == SQLITE_ROW; code = use.step()) {
      parts_.push_back({use.integer(0), static_cast<std::uint64_t>(use.integer(1)), 0,
                        gtid_of(use.bytes(2)), gtid_of(use.bytes(3)), use.integer(4)});
      use_.transactions += parts_.back().rows;
    }
    if (code != SQLITE_DONE) return tl::unexpected(writer_->error("reading its parts"));
  }
  parts_.push_back({});
  parts_.back().number = open_part;
  TROTH_TRY(writer_->run(create_part(open_part)));
  TROTH_TRY(load_open_part(parts_.back()));
  TROTH_TRY(writer_->run("COMMIT"));
  TROTH_ASSIGN_OR_RETURN(use_.bytes, bytes_used());
  return Lsn{static_cast<std::uint64_t>(durable)};
}

Status SqliteOutcomeStore::load_open_part(Part& part) {
  TROTH_ASSIGN_OR_RETURN(auto use,
                         writer_->use(fmt::format("SELECT gtid, ended, length(record) FROM {}",
                                                  part_table(part.number))));
  int code = use.step();
  for (; code == SQLITE_ROW; code = use.step()) {
    EndedTransaction ended;
    ended.gtid = gtid_of(use.bytes(0));
    ended.ended = {use.integer(1)};
    part.take(ended, static_cast<std::size_t>(use.integer(2)));
    ++use_.transactions;
  }
  if (code == SQLITE_DONE) return {};
  return tl::unexpected(writer_->error("reading its newest part"));
}

// ---- the thread that writes

Status SqliteOutcomeStore::store(const std::vector<EndedTransaction>& batch, Lsn mark) {
  TROTH_ASSIGN_OR_RETURN(const bool room, has_room_for(batch));
  if (!room) return skip(batch, mark);
  Part open;
  bool start_over = false;
  {
    std::lock_guard lock(mutex_);
    open = parts_.back();
    start_over = start_over_;
  }
  TROTH_TRY(writer_->run("BEGIN IMMEDIATE"));
  if (start_over) TROTH_TRY(writer_->run("DELETE FROM " + part_table(open.number)));
  if (start_over) open = {open.number, 0, 0, {}, {}, 0};
  for (const auto& ended : batch) {
    const auto record = encode(ended);
    const auto gtid = key_of(ended.gtid), names = list_of(ended.participants);
    TROTH_ASSIGN_OR_RETURN(
        auto use, writer_->use(fmt::format("INSERT OR REPLACE INTO {} VALUES (?1, ?2, ?3, ?4, ?5)",
                                           part_table(open.number))));
    use.bind(1, std::string_view(gtid)).bind(2, ended.ended.unix_ms);
    if (!ended.idempotency_key.empty()) use.bind(3, std::string_view(ended.idempotency_key));
    use.bind(4, std::string_view(names)).bind(5, std::string_view(record));
    if (use.step() != SQLITE_DONE) return tl::unexpected(writer_->error("storing an outcome"));
    open.take(ended, record.size() + gtid.size() + names.size() + ended.idempotency_key.size());
  }
  TROTH_TRY(SqliteMeta(*writer_).set("durable", static_cast<std::int64_t>(mark.value)));
  TROTH_TRY(note_forgotten());
  TROTH_TRY(writer_->run("COMMIT"));
  std::lock_guard lock(mutex_);
  parts_.back() = open;
  use_.transactions += batch.size();
  return {};
}

Status SqliteOutcomeStore::note_forgotten() {
  const auto known = forgotten();
  SqliteMeta meta(*writer_);
  TROTH_TRY(meta.set("forgotten_high", static_cast<std::int64_t>(known.last.high())));
  TROTH_TRY(meta.set("forgotten_low", static_cast<std::int64_t>(known.last.low())));
  return meta.set("forgotten_ms", known.when.unix_ms);
}

Status SqliteOutcomeStore::tidy() {
  bool old = false;
  {
    std::lock_guard lock(mutex_);
    old = std::exchange(start_over_, false);
  }
  while (old && parts().size() > 1) TROTH_TRY(drop_oldest());
  if (crowded()) TROTH_TRY(writer_->run("PRAGMA wal_checkpoint(TRUNCATE)"));
  const auto open = parts().back();
  // A part is at most an eighth of the budget, so that much is forgotten at once.
  if (open.rows < options_.part_rows && open.bytes < options_.budget / 8) return {};
  TROTH_TRY(close_part());
  TROTH_ASSIGN_OR_RETURN(auto used, bytes_used());
  while (used > options_.budget && parts().size() > 1) {
    TROTH_TRY(drop_oldest());
    TROTH_ASSIGN_OR_RETURN(used, bytes_used());
  }
  std::lock_guard lock(mutex_);
  use_.bytes = used;
  return {};
}

Status SqliteOutcomeStore::close_part() {
  const Part open = parts().back();
  const auto first = key_of(open.first), last = key_of(open.last);
  TROTH_TRY(writer_->run("BEGIN IMMEDIATE; " + create_part(open.number + 1)));
  {
    TROTH_ASSIGN_OR_RETURN(auto use, writer_->use("INSERT INTO parts VALUES (?1, ?2, ?3, ?4, ?5)"));
    use.bind(1, open.number).bind(2, static_cast<std::int64_t>(open.rows));
    use.bind(3, std::string_view(first)).bind(4, std::string_view(last)).bind(5, open.newest_ms);
    if (use.step() != SQLITE_DONE) return tl::unexpected(writer_->error("closing a part"));
  }
  TROTH_TRY(SqliteMeta(*writer_).set("open_part", open.number + 1));
  TROTH_TRY(writer_->run("COMMIT"));
  std::lock_guard lock(mutex_);
  parts_.push_back({open.number + 1, 0, 0, {}, {}, 0});
  return {};
}

// Readers miss it from the moment on that forgotten() covers it.
Status SqliteOutcomeStore::drop_oldest() {
  const Part old = parts().front();
  forget({old.last, {old.newest_ms}});
  writer_->drop_statements();
  TROTH_TRY(
      writer_->run(fmt::format("BEGIN IMMEDIATE; DROP TABLE {}; DELETE FROM parts"
                               " WHERE number = {}",
                               part_table(old.number), old.number)));
  TROTH_TRY(note_forgotten());
  TROTH_TRY(writer_->run("COMMIT"));
  std::lock_guard lock(mutex_);
  parts_.erase(parts_.begin());
  use_.transactions -= std::min(use_.transactions, old.rows);
  return {};
}

Result<std::uint64_t> SqliteOutcomeStore::pragma(const char* name) {
  TROTH_ASSIGN_OR_RETURN(auto use, writer_->use(fmt::format("PRAGMA {}", name)));
  if (use.step() != SQLITE_ROW) return tl::unexpected(writer_->error(name));
  return static_cast<std::uint64_t>(use.integer(0));
}

Result<std::uint64_t> SqliteOutcomeStore::bytes_used() {
  TROTH_ASSIGN_OR_RETURN(const auto pages, pragma("page_count"));
  TROTH_ASSIGN_OR_RETURN(const auto unused, pragma("freelist_count"));
  TROTH_ASSIGN_OR_RETURN(const auto size, pragma("page_size"));
  return (pages - unused) * size;
}

Result<std::uint64_t> SqliteOutcomeStore::bytes_unused() {
  TROTH_ASSIGN_OR_RETURN(const auto unused, pragma("freelist_count"));
  TROTH_ASSIGN_OR_RETURN(const auto size, pragma("page_size"));
  return unused * size;
}

// ---- a disk that is nearly full

bool SqliteOutcomeStore::crowded() const {
  return options_.free_bytes && options_.free_bytes() < options_.keep_free;
}

// Of the pages that the file has already. The oldest content gives its own.
Result<bool> SqliteOutcomeStore::has_room_for(const std::vector<EndedTransaction>& batch) {
  if (!crowded()) return true;
  constexpr std::uint64_t kOfARow = 128;  // gtid, times, and what pages leave unused
  std::uint64_t needed = 0;
  for (const auto& ended : batch) needed += 2 * encode(ended).size() + kOfARow;
  while (true) {
    TROTH_ASSIGN_OR_RETURN(const auto unused, bytes_unused());
    if (unused >= needed) return true;
    if (parts().size() == 1) {
      if (parts().back().rows == 0) return false;
      TROTH_TRY(close_part());
    }
    TROTH_TRY(drop_oldest());
  }
}

// They are forgotten, and the log does not keep them either.
Status SqliteOutcomeStore::skip(const std::vector<EndedTransaction>& batch, Lsn mark) {
  for (const auto& ended : batch) forget({ended.gtid, ended.ended});
  {
    std::lock_guard lock(mutex_);
    use_.dropped += batch.size();
  }
  TROTH_TRY(writer_->run("BEGIN IMMEDIATE"));
  TROTH_TRY(SqliteMeta(*writer_).set("durable", static_cast<std::int64_t>(mark.value)));
  TROTH_TRY(note_forgotten());
  return writer_->run("COMMIT");
}

// ---- the engine's thread

void SqliteOutcomeStore::add(EndedTransaction&& ended) {
  const Gtid gtid = ended.gtid;
  const WallTime when = ended.ended;
  if (background_.add(std::move(ended), options_.queue)) return;
  forget({gtid, when});
  std::lock_guard lock(mutex_);
  ++use_.dropped;
}

void SqliteOutcomeStore::forget(const Forgotten& below) {
  std::lock_guard lock(mutex_);
  forgotten_.last = std::max(forgotten_.last, below.last);
  forgotten_.when = std::max(forgotten_.when, below.when);
}

void SqliteOutcomeStore::start_over(const Forgotten& below) {
  forget(below);
  background_.restart_at({});
  std::lock_guard lock(mutex_);
  start_over_ = true;
  use_.transactions = 0;
  for (auto& part : parts_) part.last = part.first = {};  // nothing is found in them any more
}

Forgotten SqliteOutcomeStore::forgotten() const {
  std::lock_guard lock(mutex_);
  return forgotten_;
}

OutcomeStoreUse SqliteOutcomeStore::use() const {
  std::lock_guard lock(mutex_);
  return use_;
}

std::vector<SqliteOutcomeStore::Part> SqliteOutcomeStore::parts() const {
  std::lock_guard lock(mutex_);
  return parts_;
}

Result<std::optional<EndedTransaction>> SqliteOutcomeStore::find(const Gtid& gtid) {
  const auto key = key_of(gtid);
  reader_->keep_few_statements();
  auto candidates = parts();
  std::reverse(candidates.begin(), candidates.end());
  for (const auto& part : candidates) {
    if (gtid < part.first || gtid > part.last) continue;
    auto use =
        reader_->use(fmt::format("SELECT record FROM {} WHERE gtid = ?1", part_table(part.number)));
    const auto code = use ? use->bind(1, std::string_view(key)).step() : SQLITE_ERROR;
    if (code == SQLITE_ROW) {
      TROTH_ASSIGN_OR_RETURN(auto ended, decode_ended(gtid, use->bytes(0)));
      return std::optional(std::move(ended));
    }
    if (code == SQLITE_DONE) continue;
    const auto now = parts();
    const bool dropped = std::none_of(now.begin(), now.end(),
                                      [&](const auto& p) { return p.number == part.number; });
    if (!dropped) return tl::unexpected(reader_->error("reading an outcome"));
  }
  return std::optional<EndedTransaction>();
}

// ---- people

Result<EndedPage> SqliteOutcomeStore::list(const EndedQuery& query) {
  EndedPage page;
  auto wanted = parts();
  std::reverse(wanted.begin(), wanted.end());
  std::int64_t at = INT64_MAX;
  Gtid below = Gtid::from_words(UINT64_MAX, UINT64_MAX);
  if (!query.after.empty()) {
    const auto colon = query.after.find(':');
    const auto gtid = colon == std::string::npos
                          ? Result<Gtid>(fail(ErrorCode::kInvalidArgument, ""))
                          : Gtid::parse(std::string_view(query.after).substr(colon + 1));
    const bool digits =
        colon > 0 && colon < 18 && query.after.find_first_not_of("0123456789") == colon;
    if (!gtid || !digits)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is no cursor that this coordinator gave", query.after));
    at = std::stoll(query.after.substr(0, colon));
    below = *gtid;
  }
  TROTH_ASSIGN_OR_RETURN(const auto handle, SqliteHandle::open(path_));
  const auto name = "," + query.participant + ",";
  for (const auto& part : wanted) {
    if (part.number > at || part.rows == 0 || part.newest_ms < query.since.unix_ms) continue;
    const auto from = key_of(part.number == at ? below : Gtid::from_words(UINT64_MAX, UINT64_MAX));
    auto use = handle->use(fmt::format(
        "SELECT gtid, record FROM {} WHERE gtid < ?1 AND ended >= ?2 AND (?3 = 0 OR key = ?4)"
        " AND (?5 = 0 OR instr(participants, ?6)) ORDER BY gtid DESC LIMIT ?7",
        part_table(part.number)));
    if (!use) continue;  // it was dropped meanwhile
    const auto left = query.limit + 1 - page.ended.size();
    use->bind(1, std::string_view(from)).bind(2, query.since.unix_ms);
    use->bind(3, query.key.empty() ? 0 : 1).bind(4, std::string_view(query.key));
    use->bind(5, query.participant.empty() ? 0 : 1).bind(6, std::string_view(name));
    use->bind(7, static_cast<std::int64_t>(left));
    int code = use->step();
    for (; code == SQLITE_ROW; code = use->step()) {
      if (page.ended.size() == query.limit) return page;
      TROTH_ASSIGN_OR_RETURN(auto ended, decode_ended(gtid_of(use->bytes(0)), use->bytes(1)));
      page.next = fmt::format("{}:{}", part.number, ended.gtid);
      page.ended.push_back(std::move(ended));
    }
    if (code != SQLITE_DONE) return tl::unexpected(handle->error("reading outcomes"));
  }
  page.next.clear();
  return page;
}

}  // namespace troth::history
