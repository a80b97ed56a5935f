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

#include "participant/lock_table.h"
#include "participant/resource_manager.h"
#include "tests/support/random.h"

namespace troth::simulation {

struct Rows {
  std::map<std::int64_t, std::vector<std::int64_t>> lists;
  std::map<std::int64_t, std::int64_t> balances;  // a missing one is kStartBalance
};
inline constexpr std::int64_t kStartBalance = 100;

struct RowOp {
  bool append = false;
  std::int64_t key = 0, value = 0;
};

/// What outlives processes.
class ListFile {
 public:
  struct Flush {
    std::vector<RowOp> operations;
    Lsn marker;
  };
  void adopt(const LogId& log_id, const NodeName& participant);
  void flush(Flush flush);
  void make_durable();
  void power_loss(tests::Random& random);

  bool is_new() const { return is_new_; }
  const LogId& log_id() const { return log_id_; }
  const NodeName& participant() const { return participant_; }
  Rows rows() const;
  Lsn marker() const;

 private:
  bool is_new_ = true;
  LogId log_id_;
  NodeName participant_;
  Rows durable_;
  Lsn durable_marker_;
  std::vector<Flush> flushed_;  // not durable yet, in order
};

class ListStore final : public participant::ResourceManager {
 public:
  explicit ListStore(ListFile& file) : file_(file) {}

  Result<participant::OpenedDatabase> open() override;
  Status adopt(const LogId& log_id, const NodeName& participant) override;
  Status replay(const Gtid& gtid, Lsn committed, const std::string& redo) override;
  Status retake(const Gtid& gtid, const std::string& redo) override;
  void execute(participant::ExecuteRequest request,
               std::vector<participant::ResourceEvent>& events) override;
  Status apply(const Gtid& gtid, Lsn committed,
               std::vector<participant::ResourceEvent>& events) override;
  void discard(const Gtid& gtid, std::vector<participant::ResourceEvent>& events) override;
  Result<Lsn> flush(Lsn settled) override;
  std::size_t unflushed() const override { return unflushed_; }
  Status make_durable() override;
  participant::ResourceStatus status() const override;
  void close() override {}

 private:
  struct Branch {
    participant::ExecuteRequest request;
    std::vector<RowOp> operations;
    bool waiting = false;
  };

  void attempt(const Gtid& gtid, std::vector<participant::ResourceEvent>& events);
  void finish(const Gtid& gtid, std::vector<participant::ResourceEvent>& events);
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
