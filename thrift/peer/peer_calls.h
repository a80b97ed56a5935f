#pragma once
// One connection to a peer, from its greeting to its first failure: the facts that the greeting
// gave, and the calls whose answers have not been read. Internal to PeerLink.

#include <troth_idl/Peer.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/guarded_peer.h"
#include "access/log_proofs.h"
#include "thrift/peer/link_report.h"
#include "thrift/peer/outbox.h"
#include "thrift/peer/peer_links.h"
#include "thrift/wire/connection.h"

namespace troth::thrift {

/// Invariant: answers are read in the order of their calls, and after `broken()` nothing is sent
/// any more. Used by one thread at a time, the holder of the link. Never waits except in greet()
/// and for an answer in finish().
class PeerCalls {
 public:
  PeerCalls(NodeName peer, const PeerLinksOptions& options, const Clock& clock,
            std::unique_ptr<Connection> connection)
      : peer_(std::move(peer)),
        options_(options),
        clock_(clock),
        connection_(std::move(connection)) {}

  /// Greets, before any other call, and proves its own log. Returns how long that took.
  Result<Duration> greet(access::GuardedPeer& handler);

  /// Sends a call. False: broken() says why it could not.
  bool send(CallLoad batch, const protocol::LinkState& state);
  /// Reads the oldest answer. Nothing: broken() says why. `waited`: the time of the answer is known.
  std::optional<Delivery> finish(bool waited);
  /// Whether finish() would wait.
  Connection::Answer answer_state() const { return connection_->answer_state(); }
  /// The oldest call has waited for longer than a call may.
  bool overdue() const { return clock_.now() - flights_.front().began >= options_.call_timeout; }
  /// False, with no call under way: the peer has closed the connection.
  bool usable() const { return connection_->usable(); }

  std::size_t under_way() const { return flights_.size(); }
  Duration quiet_for() const { return clock_.now() - last_sent_; }
  /// Why the connection is to be closed.
  const std::optional<std::string>& broken() const { return broken_; }
  void fail_for(std::string why) { broken_ = std::move(why); }
  /// The peer was busy for a batch: nothing more is sent until the rejected ones are taken back.
  bool busy() const { return !rejected_.empty(); }
  std::vector<CallLoad> take_rejected() { return std::exchange(rejected_, {}); }
  /// Messages that may or may not arrive.
  std::size_t undelivered() const;

  const std::shared_ptr<Stream>& stream() const { return connection_->stream(); }
  int fd() const { return connection_->fd(); }

 private:
  /// A call whose answer has not been read.
  struct Flight {
    CallLoad batch;
    std::int64_t id = 0;
    MonotonicTime began;
    std::uint64_t bytes = 0;
  };
  Result<LogId> challenge(access::CallerProof& proof);
  void write_ended(const protocol::LinkState& state, protocol::BatchHeader& out);

  const NodeName peer_;
  const PeerLinksOptions& options_;
  const Clock& clock_;
  const std::unique_ptr<Connection> connection_;
  std::uint32_t version_ = 0;  // of the peer protocol, agreed in the greeting
  Epoch receiver_epoch_;
  std::deque<Flight> flights_;      // the oldest, which is answered first, in front
  std::vector<CallLoad> rejected_;  // the peer was busy; in the order they were sent
  std::optional<std::string> broken_;
  std::uint32_t sent_unfinished_ = 0;  // version of the list the peer was sent, 0: none
  std::uint32_t calls_without_it_ = 0;
  std::int64_t batch_id_ = 0;
  MonotonicTime last_sent_;
};

}  // namespace troth::thrift
