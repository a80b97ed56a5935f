#pragma once
// The network between simulated nodes. Each sender has one link to each peer, as in thrift/
// (connect, greet, one batch at a time, reconnect), but the wire is worse than TCP: batches are
// lost, delivered twice, or delivered long after their sender gave up and sent others.

#include <deque>
#include <map>
#include <set>

#include "access/guarded_peer.h"
#include "protocol/transport.h"
#include "tests/simulation/cluster_policy.h"
#include "tests/simulation/world.h"

namespace troth::simulation {

struct NetworkFaults {
  std::uint64_t loss_percent = 0, duplicate_percent = 0, late_percent = 0;
  std::uint64_t late_work_percent = 0;  ///< of batches that carry new work
  bool proxies = false;  ///< a batch on its way may reach the next life of its receiver
  Duration delay_min{std::chrono::microseconds(50)}, delay_max{std::chrono::milliseconds(2)};
};

/// A node as the network sees it: alive or not, and which incarnation.
class Station {
 public:
  virtual ~Station() = default;
  virtual const NodeName& name() const = 0;
  /// 0 while dead; otherwise a number that no earlier process of it had.
  virtual std::uint64_t incarnation() const = 0;
  /// As connections to and from it prove it.
  virtual const protocol::Principal& principal() const = 0;
  virtual access::GuardedPeer& peer() = 0;
};

class Network {
 public:
  explicit Network(World& world) : policy(world), world_(world) {}

  /// Before anything is sent; a station stays for ever.
  void attach(Station& station) { stations_[station.name()] = &station; }
  Station* find(const NodeName& name);

  /// Nothing gets from `from` to `to` any more; the other direction may still work.
  void cut(const NodeName& from, const NodeName& to) { cuts_.insert({find(from), find(to)}); }
  void heal() { cuts_.clear(); }
  /// Both directions between two.
  void heal(const NodeName& one, const NodeName& other) {
    cuts_.erase({find(one), find(other)});
    cuts_.erase({find(other), find(one)});
  }
  NetworkFaults faults;
  ClusterPolicy policy;

  /// Whether something sent now arrives, and when.
  std::optional<Duration> passage(const Station* from, const Station* to);
  /// How much later than usual a late batch arrives.
  Duration lateness();
  World& world() { return world_; }

  /// Sees every batch that leaves; for the checkers.
  std::function<void(const protocol::Batch&, const NodeName& to)> observer;

 private:
  World& world_;
  std::map<NodeName, Station*> stations_;
  std::set<std::pair<const Station*, const Station*>> cuts_;
};

/// The sending half of one process: dies with it.
class Links final : public protocol::Transport, public std::enable_shared_from_this<Links> {
 public:
  Links(Network& network, Station& self) : network_(network), self_(self) {}

  void start(const std::vector<NodeName>& peers);
  void stop() { stopped_ = true; }
  void send(const NodeName& peer, protocol::Message&& message) override;
  void publish(const protocol::LinkState& state) override { published_ = state; }
  void learn_address(const NodeName& peer, const std::string& address) override;

 private:
  enum class Phase { kDown, kGreeting, kIdle, kBusy };
  struct Link {
    NodeName peer;
    Station* station = nullptr;  // of the peer; nullptr: there is none
    Phase phase = Phase::kDown;
    std::uint64_t attempt = 0;  // answers to earlier ones are ignored
    Epoch receiver_epoch;
    std::uint32_t sent_unfinished = 0;  // version of the list
    std::uint64_t batches = 0;
    std::uint64_t peer_incarnation = 0;
    std::deque<protocol::Message> urgent, bulk;
  };

  // Links stay where they are as long as this lives, which whatever is planned sees to.
  void open(const NodeName& peer);
  void connect(Link& link);
  void welcome(Link& link, std::uint64_t attempt, const protocol::HelloReply& reply,
               std::uint64_t incarnation);
  void pump(Link& link);
  void call(Link& link);
  void ping(Link& link);
  void down(Link& link, const char* why);
  protocol::Batch take(Link& link);
  void carry(const Link& link, protocol::Batch&& batch, Duration delay, std::uint64_t incarnation);

  Network& network_;
  Station& self_;
  std::map<NodeName, Link> links_;
  protocol::LinkState published_;
  bool stopped_ = false;
};

}  // namespace troth::simulation
