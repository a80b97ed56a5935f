#pragma once
// The nodes of a cluster: their roles, how far their logs reach, and how the links between them
// stand.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "troth/ids.h"
#include "troth/time.h"

namespace troth {

enum class Role : std::uint8_t { kCoordinator = 1, kParticipant = 2 };

/// By which a node recognises what its own log has said of itself; only the node can make it. Others
/// keep it beside the position, and show it.
struct Receipt {
  std::array<std::uint8_t, 16> bytes{};
  friend bool operator==(const Receipt&, const Receipt&) = default;
  bool is_nil() const { return *this == Receipt{}; }
};

/// How far a node's log is known to reach. The durable LSN, never the appended one.
struct NodePosition {
  LogId log_id;
  Epoch epoch;
  Lsn durable;
  Receipt receipt = {};  ///< nil: a node or a message that makes none
  friend bool operator==(const NodePosition&, const NodePosition&) = default;
};

/// How a link stands, for status screens and for "unreachable since".
struct LinkStatus {
  NodeName peer;
  std::string address;
  bool connected = false;
  std::optional<WallTime> since;  ///< of the present state; nothing: never connected
  std::string last_error;
  std::string refusal;  ///< why its last greeting was not welcome here; "" = it was
  std::uint64_t messages_sent = 0, batches_sent = 0, messages_dropped = 0, queued = 0;
  std::optional<Duration> rtt;   ///< of the last call, if it is known
  std::optional<Role> role;      ///< of the peer, once it is known
  std::string configured_in;     ///< where the settings name it, "c1.conf:7"; "" = nowhere
  bool draining = false;         ///< no new transaction touches it; a coordinator's view
  bool retired = false;          ///< the settings name it no more, and it is owed nothing
  std::uint64_t bytes_sent = 0;  ///< by the calls that were answered; does not travel
};

}  // namespace troth
