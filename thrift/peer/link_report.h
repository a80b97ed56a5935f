#pragma once
// The state of one link, as operators see it. Internal to PeerLink, which guards it: not
// thread-safe.

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
  LinkReport(const NodeName& peer, std::string address) : given_(std::move(address)) {
    status_.peer = peer;
    status_.address = given_;
  }

  const LinkStatus& status() const { return status_; }
  /// The address to try first.
  const std::string& given() const { return given_; }
  /// The address at which the peer has proved itself; "" = no other one.
  const std::string& proved() const { return proved_; }
  bool connected() const { return status_.connected; }

  /// As long as a link stands, its own address is shown.
  void set_address(const std::string& address);
  /// Where the settings name it: "c1.conf:7".
  void set_origin(const std::string& origin) { status_.configured_in = origin; }
  /// The peer has greeted over a connection of its own, and says that it is at `said`.
  void heard_from(const std::string& said, bool proved) {
    if (!status_.connected) greeted_from_ = said;
    if (proved) proved_ = said;
  }
  void dropped(std::size_t messages) { status_.messages_dropped += messages; }
  void delivered(const Delivery& delivery);
  /// By the peer, at `address`.
  void greeted(Duration took, const std::string& address);
  /// False: the report says so already.
  bool change(bool connected, const std::string& error, WallTime now);
  /// Why `self` cannot connect to `address`. A dead peer and a wrong address need different
  /// actions.
  std::string unreachable(const NodeName& self, const std::string& address,
                          const std::string& why) const;

 private:
  std::string moved() const;

  LinkStatus status_;
  std::string given_, proved_;
  std::string greeted_from_;  // what the peer said of its address since the link was last up
};

}  // namespace troth::thrift
