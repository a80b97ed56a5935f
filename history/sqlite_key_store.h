#pragma once
// The key store on SQLite: one table for each group of keys, in the order in which they ended. A
// full group gets an index, built in one step, and a filter. So storing a key writes some hundred
// bytes in sequence, and a new key needs no access to the disk.

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "history/background_writer.h"
#include "history/key_filter.h"
#include "history/key_store.h"
#include "history/sqlite_handle.h"

namespace troth::history {

/// Memory: two bytes for each key, and about 60 bytes for each one of the newest group. Owns a
/// thread, and only that thread writes. The engine's thread reads through its own connection.
class SqliteKeyStore final : public KeyStore {
 public:
  struct Options {
    std::size_t group_keys = std::size_t{1} << 17;
    Duration gather{std::chrono::milliseconds(50)};  ///< how long a key waits for others
  };

  /// kFenced: the file belongs to another log.
  static Result<std::unique_ptr<SqliteKeyStore>> open(const std::string& path, const LogId& log_id,
                                                      Options options);
  /// Stores the added keys.
  ~SqliteKeyStore() override;

  void add(const protocol::KeyRecord& record) override;
  void mark(Lsn lsn, bool soon) override { background_.mark(lsn, soon); }
  Lsn durable() const override { return background_.durable(); }
  bool used() const override;
  void restart_at(Lsn end) override { background_.restart_at(end); }
  Result<std::optional<protocol::KeyRecord>> find(const std::string& key) override;
  void forget_before(WallTime decided) override;
  std::size_t size() const override;
  std::optional<Error> failure() const override { return background_.failure(); }

 private:
  struct Group {
    Group(std::int64_t n, KeyFilter&& f) : number(n), filter(std::move(f)) {}
    std::int64_t number;
    std::size_t keys = 0;
    std::int64_t newest_ms = 0;
    KeyFilter filter;
    bool full = false;
    std::unordered_multimap<std::uint64_t, std::int64_t> rows;  // until it is full
  };
  struct Entry {
    std::string record;
    std::uint64_t fingerprint = 0;
    std::int64_t decided_ms = 0;
  };
  /// Where a key may be.
  struct Place {
    std::int64_t group;
    bool full;
    std::vector<std::int64_t> rows;
  };

  SqliteKeyStore(Options options, std::unique_ptr<SqliteHandle> writer,
                 std::unique_ptr<SqliteHandle> reader)
      : options_(options),
        writer_(std::move(writer)),
        reader_(std::move(reader)),
        background_(options.gather) {}
  Result<Lsn> load(const LogId& log_id);
  Status load_group(Group& group);
  Status store(const std::vector<Entry>& batch, Lsn mark);
  Status tidy();
  Status close_group();
  Status drop_old_groups();
  std::vector<Place> places_of(std::uint64_t fingerprint) const;
  Result<std::optional<protocol::KeyRecord>> read(const Place& place, std::uint64_t fingerprint,
                                                  const std::string& key);
  bool has_group(std::int64_t number) const;

  const Options options_;
  const std::unique_ptr<SqliteHandle> writer_;  // of the background thread, after load()
  const std::unique_ptr<SqliteHandle> reader_;  // of the engine's thread

  mutable std::mutex mutex_;                    // guards the members below
  std::vector<std::unique_ptr<Group>> groups_;  // oldest first; the last one is open
  WallTime forget_before_;
  bool used_ = false;  // the file says that something was stored
  std::size_t size_ = 0;

  BackgroundWriter<Entry> background_;
};

}  // namespace troth::history
