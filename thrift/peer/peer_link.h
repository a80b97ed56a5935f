#pragma once
// One link to one peer: a bounded outbox and the thread that empties it. While that thread is idle,
// the thread that flushes sends by itself and reads the answers that have come. The link's thread
// does everything that may have to wait. Internal to PeerLinks.
//
// The parts: Outbox (waiting messages), PeerCalls (one connection and its running calls),
// LinkPauses (time of the next try), LinkReport (state for operators).

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "access/guarded_peer.h"
#include "os/mutex.h"
#include "thrift/peer/link_pauses.h"
#include "thrift/peer/link_report.h"
#include "thrift/peer/outbox.h"
#include "thrift/peer/peer_calls.h"
#include "thrift/peer/peer_links.h"
#include "thrift/wire/loop_waker.h"

namespace troth::thrift {

/// The newest LinkState that the engine has published. Thread-safe.
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

/// Owns the thread and decides which thread may use the connection: the sender, or a thread that
/// flushes while the sender sleeps, never both.
class PeerLink {
 public:
  PeerLink(NodeName peer, std::string address, const PeerLinksOptions& options,
           const PublishedState& published, access::GuardedPeer& handler, const Clock& clock,
           Logger logger);
  ~PeerLink() { stop(); }

  void start();
  void stop();
  /// Like stop(), without waiting for the sender, and without reporting that the link is down.
  void begin_to_stop();
  /// The sender has ended: stop() does not wait.
  bool is_over() const { return over_; }
  /// The sender starts at flush(), or when there is enough for a good batch.
  void send(protocol::Message&& message);
  void send(const protocol::PrepareView& prepare);
  void flush();
  /// A link that leads elsewhere is cut.
  void set_address(const std::string& address);
  void set_origin(const std::string& origin);
  /// The peer has just greeted over a connection of its own, and says that it is at `said`.
  void heard_from(const std::string& said, bool proved);
  /// A link to a node whose certificate is no longer valid is cut.
  void recheck();
  LinkStatus status() const;

 private:
  template <class Content>
  void queue(Content&& content);
  void run();
  bool connect();
  bool dial(const std::string& address);
  void adopt(std::unique_ptr<Connection> connection);
  void disconnect(const std::string& why);
  bool nothing_queued() const;
  void drop_queued();
  void rest();
  void await_call(Duration limit);
  bool take_sleeper() TROTH_REQUIRES(mutex_);
  void work();
  bool send_here();
  bool send_batch();
  bool finish_call(bool waited);
  void see_to_trouble();
  void report(bool connected, const std::string& error);
  /// Sleeps; wakes early when stopped or, while not connected, when the address changes.
  void pause(Duration time);
  bool stopping() const;

  const NodeName peer_;
  const PeerLinksOptions& options_;
  const PublishedState& published_;
  access::GuardedPeer& handler_;
  const Clock& clock_;
  const Logger logger_;

  mutable Mutex mutex_;
  Condition wake_;
  Outbox outbox_ TROTH_GUARDED_BY(mutex_);
  LinkReport report_ TROTH_GUARDED_BY(mutex_);
  enum class Stop { kNo, kHeard, kUnheard };  // whether the handler is told that the link is down
  Stop stop_ TROTH_GUARDED_BY(mutex_) = Stop::kNo;
  bool address_changed_ TROTH_GUARDED_BY(mutex_) = false;
  /// Which thread uses the connection.
  enum class Holder { kSender, kNobody, kFlusher };
  Holder holder_ TROTH_GUARDED_BY(mutex_) = Holder::kSender;
  /// Lightly: it looks around soon by itself.
  enum class Sleep { kNot, kLightly, kDeeply };
  Sleep sleep_ TROTH_GUARDED_BY(mutex_) = Sleep::kNot;
  std::shared_ptr<Stream> stream_ TROTH_GUARDED_BY(mutex_);  // in use, to cut a call short

  std::unique_ptr<PeerCalls> calls_;  // the holder's; made and destroyed by the sender
  LinkPauses pauses_;                 // the holder's

  std::atomic<bool> over_ = false;
  LoopWaker waker_;  // wakes the sender
  std::jthread sender_;
};

}  // namespace troth::thrift
