#pragma once
// The seam between engines and the network (Thrift | simulator). An engine hands messages down and
// is handed batches; it never sees a socket. main.cc joins the two.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log_key.h"
#include "protocol/message.h"
#include "troth/nodes.h"
#include "troth/result.h"

namespace troth::protocol {

/// What an engine publishes for the headers of outgoing batches. Always about durable facts.
struct LinkState {
  NodePosition position;
  std::optional<Gtid> ended_below;
  std::uint32_t unfinished_version = 0;  ///< as in BatchHeader
  std::shared_ptr<const std::vector<Gtid>> unfinished = nullptr;
  Epoch ended_from{};  ///< likewise
};

/// Downwards. Implementations are thread-safe and never block.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Queues `message` for `peer`. A full or missing link drops it (and counts): the machines
  /// re-send what they need.
  virtual void send(const NodeName& peer, Message&& message) = 0;
  /// Sends PREPARE straight from the transaction's fields, without building a Message.
  virtual void send_prepare(const NodeName& peer, const PrepareView& prepare) {
    send(peer, prepare.message());
  }
  /// The engine's round is over: its messages should leave now, together. An implementation may
  /// start earlier, never later.
  virtual void flush() {}
  /// Called whenever the durable LSN or ended_below moved; used by every later batch.
  virtual void publish(const LinkState& state) = 0;
  /// A peer can be reached at `address`, from its greeting, a log or another node: reach it there
  /// unless configuration says otherwise.
  virtual void learn_address(const NodeName& peer, const std::string& address) = 0;
  /// Like learn_address(), when the peer has just greeted: a link that is down tries at once. While
  /// it fails, its status says that the peer reaches this node. `proved`: the peer has proved that its
  /// log is the one that is known under its name; then it is also reached at `address` where the
  /// configured address does not lead to it.
  virtual void heard_from(const NodeName& peer, const std::string& address, bool /*proved*/) {
    learn_address(peer, address);
  }
  /// The peer will not come back: its link is not tried any more until an address is learnt.
  virtual void forget(const NodeName& /*peer*/) {}
  /// The link is not needed any more, and may be made again later. Nothing happens to one that
  /// configuration names.
  virtual void end_link(const NodeName& /*peer*/) {}
  /// How the link stands right now; nothing if there is none. For screens only.
  virtual std::optional<LinkStatus> link(const NodeName& /*peer*/) const { return std::nullopt; }
};

/// Upwards: the calls of the network. Implemented by the engine loops; thread-safe.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  /// Answers an incoming Hello; waits for the engine (bounded). Thread-safe.
  virtual HelloReply hello(const Hello& hello) = 0;
  /// Takes a batch into the inbox. kBusy if it is full: the sender keeps the messages and backs
  /// off.
  virtual Status deliver(Batch batch) = 0;
  /// Like deliver(), without waking the engine. The caller must call settle() after it has answered
  /// the peer.
  virtual Status deliver_quietly(Batch batch) { return deliver(std::move(batch)); }
  /// Handles the batches of deliver_quietly(), perhaps on this thread. Waits for no other node.
  virtual void settle() {}
  /// The Hello to open a connection to `peer` with. Thread-safe.
  virtual Hello make_hello(const NodeName& peer) = 0;
  /// The peer's answer to the Hello. False: do not use this link (the engine refused and said why,
  /// or is stopping).
  virtual bool welcomed(const NodeName& peer, const HelloReply& reply) = 0;
  virtual void link_changed(const LinkStatus& status) = 0;
  /// Proves that this node's log is its own; null: its log was made by 0.1.
  virtual const LogSigner* signer() const { return nullptr; }
};

}  // namespace troth::protocol
