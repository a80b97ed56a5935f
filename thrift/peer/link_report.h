#pragma once
// How one link stands, as operators see it. Internal to PeerLink, which guards it: not thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "protocol/transport.h"

namespace troth::thrift {

/// One call that was answered.
struct Delivery {
  bool busy = false;         ///< the peer was, and took nothing
  std::size_t messages = 0;  ///< that it took
  std::uint64_t bytes = 0;
  std::optional<Duration> took;  ///< of a call whose answer was waited for
};

/// Owns the counters and the state. The thread that changes the state announces it.
class LinkReport {
 public:
  LinkReport(const NodeName& peer, std::string address) {
    status_.peer = peer;
    status_.address = std::move(address);
  }

  const LinkStatus& status() const { return status_; }
  const std::string& address() const { return status_.address; }
  bool connected() const { return status_.connected; }

  void set_address(const std::string& address) { status_.address = address; }
  /// The peer has said hello over a connection of its own, and that it is at `said`.
  void heard_from(const std::string& said) {
    if (!status_.connected) greeted_from_ = said;
  }
  void dropped(std::size_t messages) { status_.messages_dropped += messages; }
  void delivered(const Delivery& delivery);
  void greeted(Duration took);
  /// False: that is what it says already.
  bool change(bool connected, const std::string& error, WallTime now);
  /// Why `self` cannot connect to `address`. A peer that is dead and one whose address is wrong
  /// need different people.
  std::string unreachable(const NodeName& self, const std::string& address,
                          const std::string& why) const;

 private:
  LinkStatus status_;
  std::string greeted_from_;  // what the peer said of its address since the link was last up
};

}  // namespace troth::thrift
