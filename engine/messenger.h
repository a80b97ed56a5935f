#pragma once
// How an engine sends what promises nothing: questions, refusals to answer, reminders. A message
// that promises something about the log does not compile here: it goes through the DurabilityGate.

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/reports.h"
#include "engine/standing.h"
#include "protocol/effects.h"
#include "protocol/transport.h"

namespace troth {

/// Invariant: once the node has stopped, nothing leaves any more. Owned by an engine and touched by
/// its thread alone.
class Messenger {
 public:
  Messenger(protocol::Transport& transport, const Standing& standing, Reports& reports)
      : transport_(transport), standing_(standing), reports_(reports) {}

  template <class M>
  void send(const NodeName& to, M&& message) {
    static_assert(!std::is_same_v<std::remove_cvref_t<M>, protocol::Message>,
                  "which message is it? One of any type may be a promise");
    static_assert(!protocol::is_promise_v<std::remove_cvref_t<M>>,
                  "a promise must wait for its record: it goes through the DurabilityGate");
    pass(to, protocol::Message(std::forward<M>(message)));
  }
  void send(protocol::OutgoingNow&& out) { pass(out.to, std::move(out.message)); }
  void send(const protocol::PrepareTo& prepare) {
    if (standing_.stopped()) return;
    reports_.count("messages_sent");
    transport_.send_prepare(prepare.to, prepare.prepare);
  }

  /// The messages that were sent should leave now, together.
  void flush() { transport_.flush(); }
  /// A peer introduced itself from there.
  void heard_from(const NodeName& peer, const std::string& address, bool proved) {
    transport_.heard_from(peer, address, proved);
  }
  /// Its link is not tried any more.
  void forget(const NodeName& peer) { transport_.forget(peer); }
  /// For the headers of later batches; nothing happens if it is no news.
  void publish(const protocol::LinkState& state) {
    if (state.position == published_.position && state.ended_below == published_.ended_below &&
        state.unfinished_version == published_.unfinished_version)
      return;
    published_ = state;
    transport_.publish(state);
  }

 protected:
  /// Of any type.
  void pass(const NodeName& to, protocol::Message&& message) {
    if (standing_.stopped()) return;
    reports_.count("messages_sent");
    transport_.send(to, std::move(message));
  }

 private:
  protocol::Transport& transport_;
  const Standing& standing_;
  Reports& reports_;
  protocol::LinkState published_;
};

}  // namespace troth
