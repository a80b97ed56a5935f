#pragma once
// A resource manager in memory, for volume, of the contract *deferred apply*: lists and balances
// (list_execution.h), and a "file" that behaves like SQLite's in WAL mode: what was flushed survives
// a dead process, what was made durable survives a power cut, and between the two a power cut keeps
// some prefix.

#include "tests/simulation/list_execution.h"

namespace troth::simulation {

class ListFile final : public ListStatements {
 public:
  struct Flush {
    std::vector<RowOp> operations;
    Lsn marker;
  };
  void adopt(const LogId& log_id, const NodeName& participant);
  void flush(Flush flush);
  void make_durable();

  Manager open_manager(const Clock& clock) override;
  void power_loss(tests::Random& random) override;
  std::function<void()> snapshot() override;

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

class ListStore final : public DeferredApply {
 public:
  explicit ListStore(ListFile& file) : file_(file) {}

  Result<OpenedDatabase> open() override;
  Status adopt(const LogId& log_id, const NodeName& participant) override;
  Status replay(const Gtid& gtid, Lsn committed, const std::string& redo) override;
  Status retake(const Gtid& gtid, const std::string& redo) override;
  void execute(ExecuteRequest request, std::vector<ResourceEvent>& events) override {
    execution_.execute(std::move(request), events);
  }
  Status apply(const Gtid& gtid, Lsn committed, std::vector<ResourceEvent>& events) override;
  void discard(const Gtid& gtid, std::vector<ResourceEvent>& events) override;
  Result<Lsn> flush(Lsn settled) override;
  std::size_t unflushed() const override { return unflushed_; }
  Status make_durable() override;
  ResourceStatus status() const override { return execution_.status(); }
  void close() override {}

 private:
  void write(const std::vector<RowOp>& operations);

  ListFile& file_;
  ListExecution execution_;  // its rows: the file's, and what was applied since the last flush
  ListFile::Flush pending_;
  std::size_t unflushed_ = 0;
  Lsn applied_;
};

}  // namespace troth::simulation
