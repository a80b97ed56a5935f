#pragma once
// Checks whether keys.db belongs to the log beside it. A note in the data directory says that
// keys.db has held keys. Without the note, a lost keys.db would look like one that was never
// needed, and repeated requests would be executed again.

#include <memory>
#include <string>

#include "history/key_store.h"
#include "os/file.h"
#include "os/logging.h"
#include "os/mutex.h"
#include "recovery/log_at_start.h"

namespace troth::coordinator {

/// A key store whose note is written before any request may rely on its keys. Threads as of
/// KeyStore.
class NotedKeyStore final : public history::KeyStore {
 public:
  /// `store` and `files` outlive it.
  NotedKeyStore(history::KeyStore& store, FileSystem& files, std::string data_dir)
      : store_(store), files_(files), data_dir_(std::move(data_dir)) {}

  /// At the start, before anything is answered. kCorruption: keys are missing.
  Status check(const recovery::LogExtent& log, const Logger& logger);

  void add(const protocol::KeyRecord& record) override { store_.add(record); }
  void mark(Lsn lsn, bool soon) override { store_.mark(lsn, soon); }
  /// Nothing as long as the note cannot be written: the log keeps the keys.
  Lsn durable() const override;
  bool used() const override { return store_.used(); }
  void restart_at(Lsn end) override { store_.restart_at(end); }
  Result<std::optional<protocol::KeyRecord>> find(const std::string& key) override {
    return store_.find(key);
  }
  void forget_before(WallTime decided) override { store_.forget_before(decided); }
  std::size_t size() const override { return store_.size(); }
  std::optional<Error> failure() const override { return store_.failure(); }

 private:
  std::string note() const { return data_dir_ + "/keys.noted"; }
  Status write_note() const;

  history::KeyStore& store_;
  FileSystem& files_;
  const std::string data_dir_;
  mutable Mutex mutex_;
  mutable bool noted_ TROTH_GUARDED_BY(mutex_) = false;
};

}  // namespace troth::coordinator
