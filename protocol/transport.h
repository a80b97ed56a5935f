#pragma once
// The interface between engines and the network (Thrift or simulator). An engine sends messages and
// receives batches; it never sees a socket. main.cc connects the two.

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
  /// Queues `message` for `peer`. A full or missing link drops the message and counts it: the
  /// machines send again what they still need.
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
  /// `address` of a peer, from its greeting, a log or another node: the link uses it unless the
  /// settings name another one.
  virtual void learn_address(const NodeName& peer, const std::string& address) = 0;
  /// Like learn_address(), after the peer has greeted: a link that is down tries now. While that
  /// fails, its status says that the peer reaches this node. `proved`: the peer has proved that its
  /// log is the one known under its name. Then the link also uses `address` if the configured
  /// address does not lead to the peer.
  virtual void heard_from(const NodeName& peer, const std::string& address, bool /*proved*/) {
    learn_address(peer, address);
  }
  /// The peer will not come back: its link stops trying until an address is learnt.
  virtual void forget(const NodeName& /*peer*/) {}
  /// The link is not needed any more, and may be made again later. The link to a peer that the
  /// settings name stays.
  virtual void end_link(const NodeName& /*peer*/) {}
  /// State of the link now; nothing if there is none. For screens only.
  virtual std::optional<LinkStatus> link(const NodeName& /*peer*/) const { return std::nullopt; }
};

/// Upwards: the calls that the network makes. The engine loops implement it; thread-safe.
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
  /// The Hello that opens a connection to `peer`. Thread-safe.
  virtual Hello make_hello(const NodeName& peer) = 0;
  /// The peer's answer to the Hello. False: do not use this link (the engine refused and said why,
  /// or is stopping).
  virtual bool welcomed(const NodeName& peer, const HelloReply& reply) = 0;
  virtual void link_changed(const LinkStatus& status) = 0;
  /// Proves that this node's log is its own; null: its log was made by 0.1.
  virtual const LogSigner* signer() const { return nullptr; }
};

}  // namespace troth::protocol
