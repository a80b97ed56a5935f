#pragma once
// The key store on SQLite: one table for each group of keys, in the order in which they ended. A
// group that is full gets an index, built at once, and a filter. So storing a key writes some
// hundred bytes in sequence, and a key that is new costs no access to the disk.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "history/key_filter.h"
#include "history/key_store.h"
#include "history/sqlite_handle.h"

namespace troth::history {

/// Memory: two bytes for each key, and about 60 bytes for each one of the newest group. Owns a
/// thread, which alone writes; the engine's thread reads through a connection of its own.
class SqliteKeyStore final : public KeyStore {
 public:
  struct Options {
    std::size_t group_keys = std::size_t{1} << 17;
    Duration gather{std::chrono::milliseconds(50)};  ///< how long a key waits for others
  };

  /// kFenced: the file belongs to another log.
  static Result<std::unique_ptr<SqliteKeyStore>> open(const std::string& path, const LogId& log_id,
                                                      Options options);
  /// Stores what was added.
  ~SqliteKeyStore() override;

  void add(const protocol::KeyRecord& record) override;
  void mark(Lsn lsn, bool soon) override;
  Lsn durable() const override;
  bool used() const override;
  void restart_at(Lsn end) override;
  Result<std::optional<protocol::KeyRecord>> find(const std::string& key) override;
  void forget_before(WallTime decided) override;
  std::size_t size() const override;
  std::optional<Error> failure() const override;

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
    Lsn mark;  // after it; 0: none
  };
  /// Where a key may be.
  struct Place {
    std::int64_t group;
    bool full;
    std::vector<std::int64_t> rows;
  };

  SqliteKeyStore(Options options, std::unique_ptr<SqliteHandle> writer,
                 std::unique_ptr<SqliteHandle> reader)
      : options_(options), writer_(std::move(writer)), reader_(std::move(reader)) {}
  Status load(const LogId& log_id);
  Status load_group(Group& group);
  void run();
  Status store(const std::vector<Entry>& batch, Lsn mark);
  Status close_group();
  Status drop_old_groups();
  std::vector<Place> places_of(std::uint64_t fingerprint) const;
  Result<std::optional<protocol::KeyRecord>> read(const Place& place, std::uint64_t fingerprint,
                                                  const std::string& key);
  bool has_group(std::int64_t number) const;

  const Options options_;
  const std::unique_ptr<SqliteHandle> writer_;  // of thread_, after load()
  const std::unique_ptr<SqliteHandle> reader_;  // of the engine's thread

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Entry> queue_;
  std::vector<std::unique_ptr<Group>> groups_;  // oldest first; the last one is open
  Lsn marked_, durable_;
  WallTime forget_before_;
  bool soon_ = false, stopping_ = false;
  bool used_ = false;   // the file says that something was stored
  bool unused_ = true;  // nothing was ever stored, and the file says so
  std::size_t size_ = 0;
  std::optional<Error> failure_;

  std::thread thread_;
};

}  // namespace troth::history
