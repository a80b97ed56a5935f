#pragma once
// Links to peers: one sender thread and one connection per peer. Messages that are queued while
// calls are in flight go out in the next call, so batches grow under load. A few messages go out
// immediately, behind up to three unanswered calls. A failed call means "unknown": the link drops
// its messages and closes the connection, because the machines send again what they still need. If
// a peer is busy for one call and not for a later one, messages change their order. The protocol
// allows that.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/logging.h"
#include "protocol/policy.h"
#include "protocol/transport.h"
#include "tls/credentials.h"
#include "troth/result.h"

namespace troth::thrift {

struct PeerLinksOptions {
  const protocol::Policy& policy;  ///< asked before the answer to a greeting is believed
  NodeName self = {};
  std::shared_ptr<tls::CredentialStore> credentials = nullptr;  ///< null = plain TCP
  std::map<NodeName, std::string> addresses =
      {};  ///< configured peers, host:port; each is tried there first
  std::map<NodeName, std::string> origins = {};  ///< where the settings name them: "c1.conf:7"
  Duration connect_timeout = std::chrono::seconds(1);
  Duration call_timeout = std::chrono::seconds(5);
  Duration backoff_min = std::chrono::milliseconds(50);  ///< after the quick first retry
  Duration backoff_max = std::chrono::seconds(2);
  Duration busy_backoff = std::chrono::milliseconds(5);  ///< first wait after a BUSY answer
  Duration ping_interval = std::chrono::seconds(10);     ///< an idle link sends an empty batch
  std::size_t outbox_limit = 16384;                      ///< messages per peer; more are dropped
  std::size_t max_batch_messages = 256;
  std::size_t max_batch_bytes = 1u << 20;  ///< a single larger message travels alone
};

/// Thread-safe. send, publish and learn_address never block.
class PeerLinks final : public protocol::Transport {
 public:
  /// `handler` and `clock` must outlive this. No thread runs and nothing connects before start().
  PeerLinks(PeerLinksOptions options, protocol::PeerHandler& handler, const Clock& clock,
            Logger logger);
  ~PeerLinks() override;  ///< stops

  /// Starts a sender for every known peer: each connects and greets. Publish a LinkState first.
  /// kInvalidArgument names an address that is not host:port.
  Status start();
  /// Cuts calls in flight and joins every sender; queued messages are lost. Idempotent.
  void stop();

  /// Peers that were added or moved; the others stay as they are. kInvalidArgument names an address
  /// that is not host:port: then nothing has changed. `origins` as in the options.
  Status set_addresses(const std::map<NodeName, std::string>& addresses,
                       const std::map<NodeName, std::string>& origins = {});

  void send(const NodeName& peer, protocol::Message&& message) override;
  void send_prepare(const NodeName& peer, const protocol::PrepareView& prepare) override;
  void flush() override;
  void publish(const protocol::LinkState& state) override;
  void learn_address(const NodeName& peer, const std::string& address) override;
  void heard_from(const NodeName& peer, const std::string& address, bool proved) override;
  void forget(const NodeName& peer) override;
  void end_link(const NodeName& peer) override;
  std::optional<LinkStatus> link(const NodeName& peer) const override;

  /// The credentials have changed, or time has passed: cuts links to nodes whose certificate counts
  /// no more. The others go on.
  void recheck();
  /// The state of every link, by name.
  std::vector<LinkStatus> links() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace troth::thrift
