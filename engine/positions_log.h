#pragma once
// How far the logs of peers have been seen is evidence against a peer whose log is put back later
// (protocol.md section 2). What rests on it must not outlive it: the positions are in this node's
// log before the next record, so they are durable with whatever followed from a peer's message.

#include <optional>
#include <string_view>

#include "engine/engine_loop.h"
#include "protocol/record_log.h"
#include "recovery/peer_table.h"

namespace troth {

/// A RecordLog in front of an engine's own: appends SEEN before a record if a position has risen
/// since the last one. If no record follows a peer's position, tick() writes one within kLongest.
/// Owned by an engine, on its thread; both references outlive it.
class PositionsLog final : public protocol::RecordLog {
 public:
  static constexpr Duration kLongest{std::chrono::seconds(1)};

  PositionsLog(protocol::RecordLog& log, recovery::PeerTable& peers) : log_(log), peers_(peers) {}

  Lsn append(protocol::RecordType type, std::string_view payload, protocol::Force force) override {
    write_positions();
    return log_.append(type, payload, force);
  }
  Lsn append_patiently(protocol::RecordType type, std::string_view payload) override {
    write_positions();
    return log_.append_patiently(type, payload);
  }
  void flush() override { log_.flush(); }
  std::optional<Lsn> force_here() override { return log_.force_here(); }
  bool forces_quickly() const override { return log_.forces_quickly(); }
  Lsn appended() const override { return log_.appended(); }
  Lsn durable() const override { return log_.durable(); }
  void release_below(Lsn lsn) override { log_.release_below(lsn); }
  std::uint64_t bytes_after(Lsn ticket) const override { return log_.bytes_after(ticket); }
  bool has_room() const override { return log_.has_room(); }

  std::optional<MonotonicTime> next_wake() const { return due_; }
  /// A peer sent a message in this round. Without any nothing follows from its position: nodes that
  /// have nothing to say to each other write nothing.
  void heard() { heard_ = true; }
  void end_of_round(MonotonicTime now);
  void tick(MonotonicTime now);

 private:
  void write_positions();

  protocol::RecordLog& log_;
  recovery::PeerTable& peers_;
  std::optional<MonotonicTime> due_;
  bool heard_ = false;
};

}  // namespace troth
