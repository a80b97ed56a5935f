#pragma once
// A network for engine tests: remembers what was sent and published.

#include <map>
#include <vector>

#include "base/assert.h"
#include "protocol/effects.h"
#include "protocol/transport.h"

namespace troth::tests {

class RecordingTransport final : public protocol::Transport {
 public:
  void send(const NodeName& peer, protocol::Message&& message) override {
    sent.push_back({peer, std::move(message)});
  }
  void publish(const protocol::LinkState& state) override { published.push_back(state); }
  void learn_address(const NodeName& peer, const std::string& address) override {
    addresses[peer] = address;
  }

  /// What was sent since the last call.
  std::vector<protocol::Outgoing> take() { return std::exchange(sent, {}); }
  /// "VOTE c1, ACK c1": the names of what was sent since the last call.
  std::string names() {
    std::string out;
    for (const auto& item : take()) {
      if (!out.empty()) out += ", ";
      out += std::string(protocol::name_of(item.message)) + " " + item.to.text();
    }
    return out;
  }
  /// The newest message of type M since the last take(), which must be there.
  template <class M>
  M last() const {
    for (auto at = sent.rbegin(); at != sent.rend(); ++at)
      if (const auto* message = std::get_if<M>(&at->message)) return *message;
    TROTH_ASSERT(false, "no such message among {}", sent.size());
  }

  std::vector<protocol::Outgoing> sent;
  std::vector<protocol::LinkState> published;
  std::map<NodeName, std::string> addresses;
};

}  // namespace troth::tests
