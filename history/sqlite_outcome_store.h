#pragma once
// The outcome store on SQLite: one table for each part of time, with the id as its key. Ids rise
// with time, so storing writes in sequence. When the budget is used up, the oldest part is dropped.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "history/background_writer.h"
#include "history/outcome_store.h"
#include "history/sqlite_handle.h"

namespace troth::history {

/// Memory: the queue, and about 100 bytes for each part. Owns a thread, and only that thread
/// writes. The engine's thread reads through its own connection, and list() opens one for each
/// call.
class SqliteOutcomeStore final : public OutcomeStore {
 public:
  struct Options {
    std::uint64_t budget = std::uint64_t{1} << 30;  ///< bytes of the file
    std::size_t part_rows = std::size_t{1} << 16;
    std::size_t queue = std::size_t{1} << 15;  ///< transactions that wait to be stored
    Duration gather{std::chrono::milliseconds(50)};
    /// Of the disk. When less than `keep_free` is left, the file does not grow: its oldest content
    /// makes room, or what ends now is forgotten. The log needs the space more. Any thread.
    std::function<std::uint64_t()> free_bytes{};
    std::uint64_t keep_free = 0;
  };

  /// kFenced: the file belongs to another log.
  static Result<std::unique_ptr<SqliteOutcomeStore>> open(const std::string& path,
                                                          const LogId& log_id, Options options);
  /// Stores the added transactions.
  ~SqliteOutcomeStore() override;

  void add(EndedTransaction&& ended) override;
  void mark(Lsn lsn, bool soon) override { background_.mark(lsn, soon); }
  Lsn durable() const override { return background_.durable(); }
  void start_over(const Forgotten& below) override;
  void forget(const Forgotten& below) override;
  Result<std::optional<EndedTransaction>> find(const Gtid& gtid) override;
  Forgotten forgotten() const override;
  Result<EndedPage> list(const EndedQuery& query) override;
  OutcomeStoreUse use() const override;
  std::optional<Error> failure() const override { return background_.failure(); }

 private:
  struct Part {
    std::int64_t number = 0;
    std::uint64_t rows = 0, bytes = 0;
    Gtid first, last;
    std::int64_t newest_ms = 0;
    void take(const EndedTransaction& ended, std::size_t size);
  };
  using Background = BackgroundWriter<EndedTransaction>;

  SqliteOutcomeStore(std::string path, Options options, std::unique_ptr<SqliteHandle> writer,
                     std::unique_ptr<SqliteHandle> reader)
      : path_(std::move(path)),
        options_(options),
        writer_(std::move(writer)),
        reader_(std::move(reader)),
        background_(options.gather) {}
  Result<Lsn> load(const LogId& log_id);
  Status load_open_part(Part& part);
  Status store(const std::vector<EndedTransaction>& batch, Lsn mark);
  bool crowded() const;
  Result<bool> has_room_for(const std::vector<EndedTransaction>& batch);
  Status skip(const std::vector<EndedTransaction>& batch, Lsn mark);
  Status tidy();
  Status close_part();
  Status drop_oldest();
  Result<std::uint64_t> bytes_used();
  Result<std::uint64_t> bytes_unused();
  Result<std::uint64_t> pragma(const char* name);
  Status note_forgotten();
  std::vector<Part> parts() const;

  const std::string path_;
  const Options options_;
  const std::unique_ptr<SqliteHandle> writer_;  // of the background thread, after load()
  const std::unique_ptr<SqliteHandle> reader_;  // of the engine's thread

  mutable std::mutex mutex_;  // guards the members below
  std::vector<Part> parts_;   // oldest first; the last one is open
  Forgotten forgotten_;
  bool start_over_ = false;
  OutcomeStoreUse use_;

  Background background_;
};

}  // namespace troth::history
