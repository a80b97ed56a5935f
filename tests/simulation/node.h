#pragma once
// Simulated daemons: the production recovery, log writer, engines and worker rounds on a simulated
// disk and network. One Node is one machine; it starts, crashes and starts again. engine_node.h
// adds what depends on its role.

#include <memory>
#include <optional>

#include "protocol/ports.h"
#include "protocol/record_log.h"
#include "tests/simulation/network.h"
#include "tests/simulation/receipts.h"
#include "tests/support/memory_disk.h"
#include "wal/writer.h"

namespace troth::simulation {

using tests::MemoryDisk;

/// The appender of one process: group commit over the production writer.
class SimulatedLog final : public protocol::RecordLog,
                           public std::enable_shared_from_this<SimulatedLog> {
 public:
  SimulatedLog(World& world, wal::Writer& writer, Duration slowest)
      : world_(world), writer_(writer), slowest_(slowest), durable_(writer.durable()) {}
  Lsn append(protocol::RecordType type, std::string_view payload, protocol::Force force) override;
  Lsn append_patiently(protocol::RecordType type, std::string_view payload) override;
  Lsn appended() const override { return writer_.appended(); }
  Lsn durable() const override { return durable_; }
  void release_below(Lsn lsn) override { release_ = std::max(release_, lsn); }
  std::uint64_t bytes_after(Lsn ticket) const override {
    return writer_.appended().value - ticket.value;
  }
  bool has_room() const override { return writer_.space() == wal::Space::kAmple; }
  void stop() { stopped_ = true; }
  /// While space is low: looks again now and then.
  void watch_space();

  std::function<void(Lsn)> on_durable;
  std::function<void(const Error&)> on_failure;

 private:
  void plan(Duration delay);
  void sync();

  World& world_;
  wal::Writer& writer_;
  const Duration slowest_;
  Lsn durable_, release_, released_;
  bool syncing_ = false, planned_ = false, stopped_ = false, watching_ = false;
};

struct NodeSetup {
  NodeName name;
  LogId log_id;
  std::vector<NodeName> peers;         ///< participants, of a coordinator
  std::vector<NodeName> coordinators;  ///< of a participant; empty: any may come
  std::uint64_t checkpoint_bytes = 20'000;
  std::uint64_t segment_bytes = 64 * 1024;
  Duration durable_interval{std::chrono::milliseconds(150)};  ///< of a participant's database
  Duration slowest_sync{std::chrono::microseconds(1500)};
};

class Node : public Station, protected protocol::PeerHandler {
 public:
  Node(World& world, Network& network, NodeSetup setup, const char* role);
  ~Node() override;

  /// Reads the disk and serves. False if the start failed: an injected fault struck, or it was
  /// refused with `expected`. Any other refusal is a violation.
  bool start(std::optional<ErrorCode> expected = {});
  /// The process dies; with `power`, everything unforced on its disk is at risk.
  void crash(bool power, const char* why);
  bool alive() const { return incarnation_current_ != 0; }
  /// After what number of disk steps the machine loses power.
  void cut_power_after(std::uint64_t steps);
  /// One step on the disk fails, and only that one. What an fsync should have written is lost.
  void fail_step(std::uint64_t steps);
  /// The next fsync of its database fails. False if it has none that could.
  virtual bool fail_database() { return false; }
  /// Only `bytes` more fit on the disk; nothing = room again.
  void limit_space(std::optional<std::uint64_t> bytes);
  /// Damages one byte that was durable. While not alive. Call the result to repair it; nothing if
  /// the log is too short to tell such damage from a torn tail.
  std::function<void()> rot();
  /// A copy of everything on its disks. While not alive, or of a log that goes on. Call the result
  /// to put it back, as a snapshot of the device does: the files are the same ones as then.
  virtual std::function<void()> snapshot();
  /// While not alive: the files of its log are copied and put back, byte for byte.
  void copy_files();
  /// While not alive. False: there is one segment only.
  bool remove_newest_segment();
  /// The records of its log.
  Status read_log(const wal::RecordVisitor& visitor);
  /// It must notice by itself that its log is older than what others saw of it.
  void expect_lost_memory() {
    lost_memory_ = LostMemory::kExpected;
    copy_began_ = false;
    world_.forgetful.insert(setup_.name.text());
  }
  /// A peer has seen more of its log: it goes on, and does nothing.
  void quarantined(const std::string& why);
  void expect_memory() { lost_memory_ = LostMemory::kNo; }
  bool noticed_lost_memory() const { return lost_memory_ == LostMemory::kNoticed; }
  virtual NodeStatus status() const = 0;
  virtual bool quiet() const = 0;
  /// From its next start on its settings do not name this participant.
  virtual void take_out(const NodeName& /*participant*/) {}

  const NodeName& name() const override { return setup_.name; }
  std::uint64_t incarnation() const override { return incarnation_current_; }
  const protocol::Principal& principal() const override { return principal_; }
  access::GuardedPeer& peer() override { return peer_; }
  /// Past the guard, as if the policy let everybody through: the engine must judge by itself.
  protocol::PeerHandler& handler() { return *this; }
  MemoryDisk& disk() { return disk_; }
  const NodeSetup& setup() const { return setup_; }

  /// An alarm is a violation, unless an injected fault explains it.
  void collect_alarms();

 protected:
  virtual Status open() = 0;
  virtual void drop() = 0;
  virtual void lose_power() {}
  /// Runs what was planned only if the same process still lives.
  template <class F>
  void later(Duration delay, F event) {
    world_.after(delay, [this, incarnation = incarnation_, event = std::move(event)]() mutable {
      if (incarnation_current_ == incarnation) event();
    });
  }
  void fatal(const Error& error);
  void start_log(std::unique_ptr<wal::Writer> writer);
  void excuse_failures() { step_failed_ = true; }
  /// Real steps are random, so a backup that is put back does not get an epoch of the newer log, but
  /// for 1 in 1024. Here it never does: its epochs are odd, all others even.
  std::uint32_t epoch_step();

  World& world_;
  Network& network_;
  const NodeSetup setup_;
  const Receipts receipts_{setup_.log_id};
  MemoryDisk disk_;
  std::unique_ptr<wal::Writer> writer_;
  std::shared_ptr<SimulatedLog> log_;
  std::shared_ptr<Links> links_;
  std::optional<SteadyWallClock> steady_;  // of the present process

 private:
  enum class LostMemory { kNo, kExpected, kNoticed };
  void notice(const Error& error);
  void restart_soon();
  bool excused() const { return power_was_cut_ || step_failed_ || space_is_limited_; }

  const char* role_;
  const protocol::Principal principal_;
  access::GuardedPeer peer_;
  std::uint64_t incarnation_ = 0, incarnation_current_ = 0;
  bool power_was_cut_ = false, step_failed_ = false, space_is_limited_ = false;
  LostMemory lost_memory_ = LostMemory::kNo;
  bool copy_began_ = false;        // the backup that is in place has started before
  std::optional<Error> died_of_;   // an injected fault, which it noticed and stopped for
  std::uint64_t quarantined_ = 0;  // which incarnation
};

}  // namespace troth::simulation
