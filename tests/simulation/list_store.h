#pragma once
// A resource manager in memory, for volume: keyed lists and balances, the production lock table,
// and a "file" that behaves like SQLite's in WAL mode: what was flushed survives a dead process,
// what was made durable survives a power cut, and between the two a power cut keeps some prefix.
//
// Statements: "append" (key, value) · "read" (key) -> the list · "add" (key, amount), refused where
// the balance would fall below zero.

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "participant/locks/lock_table.h"
#include "tests/simulation/stored_file.h"

namespace troth::simulation {

struct RowOp {
  bool append = false;
  std::int64_t key = 0, value = 0;
};

class ListFile final : public StoredFile {
 public:
  struct Flush {
    std::vector<RowOp> operations;
    Lsn marker;
  };
  void adopt(const LogId& log_id, const NodeName& participant);
  void flush(Flush flush);
  void make_durable();

  std::unique_ptr<ResourceManager> open_manager(const Clock& clock) override;
  bool has_schema() const override { return false; }
  Statement statement(const std::string& kind, std::int64_t key, std::int64_t value) const override;
  std::vector<std::int64_t> list_of(const StatementResult& result) const override;
  void power_loss(tests::Random& random) override;
  bool fail_next_sync(bool) override { return false; }
  std::function<void()> snapshot() override;
  std::string problem() const override { return {}; }

  bool is_new() const { return held_.is_new; }
  const LogId& log_id() const { return held_.log_id; }
  const NodeName& participant() const { return held_.participant; }
  Rows rows() const override;
  Lsn marker() const;

 private:
  struct Held {
    bool is_new = true;
    LogId log_id;
    NodeName participant;
    Rows durable;
    Lsn durable_marker;
    std::vector<Flush> flushed;  // not durable yet, in order
  };
  Held held_;
};

class ListStore final : public ResourceManager {
 public:
  explicit ListStore(ListFile& file) : file_(file) {}

  Result<OpenedDatabase> open() override;
  Status adopt(const LogId& log_id, const NodeName& participant) override;
  Status replay(const Gtid& gtid, Lsn committed, const std::string& redo) override;
  Status retake(const Gtid& gtid, const std::string& redo) override;
  void execute(ExecuteRequest request, std::vector<ResourceEvent>& events) override;
  Status apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) override;
  void discard(const Gtid& gtid, std::vector<ResourceEvent>& events) override;
  Result<Lsn> flush(Lsn settled) override;
  std::size_t unflushed() const override { return unflushed_; }
  Status make_durable() override;
  ResourceStatus status() const override;
  void close() override {}

 private:
  struct Branch {
    ExecuteRequest request;
    std::vector<RowOp> operations;
    bool waiting = false;
    bool begun = false;  ///< interactive: keeps what it did and locked
  };

  void attempt(const Gtid& gtid, std::vector<ResourceEvent>& events);
  void finish(const Gtid& gtid, std::vector<ResourceEvent>& events);
  void write(const std::vector<RowOp>& operations);
  std::int64_t balance(std::int64_t key, const std::vector<RowOp>& own) const;

  ListFile& file_;
  Rows rows_;  // the file's, and what was applied since its last flush
  participant::LockTable locks_;
  std::unordered_map<Gtid, Branch> branches_;
  ListFile::Flush pending_;
  std::size_t unflushed_ = 0;
  Lsn applied_;
};

}  // namespace troth::simulation
