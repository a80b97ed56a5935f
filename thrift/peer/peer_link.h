#pragma once
// One link to one peer: a bounded outbox and the thread that empties it. While that thread has
// nothing to do, who flushes sends by itself, and reads the answers to earlier calls that have
// come; the thread is for whatever might have to wait. Internal to PeerLinks.

#include <troth_idl/Peer.h>

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "access/guarded_peer.h"
#include "os/mutex.h"
#include "thrift/peer/outbox.h"
#include "thrift/peer/peer_links.h"
#include "thrift/wire/connection.h"
#include "thrift/wire/loop_waker.h"

namespace troth::thrift {

/// Where links find what the engine published last. Thread-safe.
class PublishedState {
 public:
  void set(const protocol::LinkState& state) {
    const MutexLock lock(mutex_);
    state_ = state;
  }
  protocol::LinkState get() const {
    const MutexLock lock(mutex_);
    return state_;
  }

 private:
  mutable Mutex mutex_;
  protocol::LinkState state_ TROTH_GUARDED_BY(mutex_);
};

class PeerLink {
 public:
  PeerLink(NodeName peer, std::string address, const PeerLinksOptions& options,
           const PublishedState& published, access::GuardedPeer& handler, const Clock& clock,
           Logger logger);
  ~PeerLink() { stop(); }

  void start();
  void stop();
  /// The sender starts at flush(), or when there is enough for a good batch.
  void send(protocol::Message&& message);
  void send(const protocol::PrepareView& prepare);
  void flush();
  void set_address(const std::string& address);
  /// The peer has just said hello over a connection of its own, and that it is at `said`.
  void heard_from(const std::string& said);
  LinkStatus status() const;

 private:
  void run();
  bool connect();
  Status say_hello(Connection& connection);
  void adopt(std::unique_ptr<Connection> connection);
  void disconnect(const std::string& why);
  /// What goes into the next call: decisions and other short answers first.
  struct Batch {
    Portion urgent, bulk;
    std::size_t size() const { return urgent.size() + bulk.size(); }
  };
  /// A call whose answer has not been read.
  struct Flight {
    Batch batch;
    std::int64_t id = 0;
    MonotonicTime began;
    std::uint64_t bytes = 0;
  };
  bool nothing_queued() const TROTH_REQUIRES(mutex_) { return urgent_.empty() && bulk_.empty(); }
  Batch take_batch();
  void rest();
  void await_call(Duration limit);
  std::size_t queued() const TROTH_REQUIRES(mutex_) { return urgent_.size() + bulk_.size(); }
  bool takes(std::size_t bytes) TROTH_REQUIRES(mutex_);
  bool take_sleeper() TROTH_REQUIRES(mutex_);
  void work();
  bool send_here();
  bool transmit(Batch batch);
  bool finish_flight(bool waited);
  void see_to_trouble();
  void write_ended(const protocol::LinkState& state, protocol::BatchHeader& out);
  static void write_messages(v1::DeliverRequest& wire, const Batch& batch);
  void put_rejected_back();
  void drop_queued();
  std::string unreachable(const std::string& address, const std::string& why) const;
  void report(bool connected, const std::string& error);
  /// Sleeps; wakes early when stopped or, while not connected, when the address changes.
  void pause(Duration time);
  Duration jittered(Duration time);
  bool stopping() const;

  const NodeName peer_;
  const PeerLinksOptions& options_;
  const PublishedState& published_;
  access::GuardedPeer& handler_;
  const Clock& clock_;
  const Logger logger_;

  mutable Mutex mutex_;
  Condition wake_;
  Lane urgent_ TROTH_GUARDED_BY(mutex_), bulk_ TROTH_GUARDED_BY(mutex_);
  ByteWriter scratch_ TROTH_GUARDED_BY(mutex_);
  LinkStatus status_ TROTH_GUARDED_BY(mutex_);
  bool stopping_ TROTH_GUARDED_BY(mutex_) = false;
  bool address_changed_ TROTH_GUARDED_BY(mutex_) = false;
  /// Since this link was last up, what the peer said of its address.
  std::string greeted_from_ TROTH_GUARDED_BY(mutex_);
  /// Who uses the connection.
  enum class Holder { kSender, kNobody, kFlusher };
  Holder holder_ TROTH_GUARDED_BY(mutex_) = Holder::kSender;
  /// Lightly: it looks around soon by itself.
  enum class Sleep { kNot, kLightly, kDeeply };
  Sleep sleep_ TROTH_GUARDED_BY(mutex_) = Sleep::kNot;
  std::shared_ptr<Stream> stream_ TROTH_GUARDED_BY(mutex_);  // in use, to cut a call short

  // The holder's.
  std::unique_ptr<Connection> connection_;  // made and destroyed by the sender
  std::deque<Flight> flights_;              // the oldest, which is answered first, in front
  std::vector<Batch> rejected_;             // the peer was busy; in the order they were sent
  std::optional<std::string> broken_;       // why the connection is to be closed
  bool busy_ = false;                       // the peer was; the sender pauses
  Epoch receiver_epoch_;
  std::uint32_t sent_unfinished_ = 0;  // version of the list the peer was sent, 0: none
  std::uint32_t calls_without_it_ = 0;
  std::uint32_t version_ = 0;  // of the peer protocol, agreed in the greeting
  std::int64_t batch_id_ = 0;
  MonotonicTime last_sent_;

  // The sender's own.
  LoopWaker waker_;
  Duration backoff_{0};
  Duration busy_backoff_{0};
  std::minstd_rand random_;
  std::jthread sender_;
};

}  // namespace troth::thrift
