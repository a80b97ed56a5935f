#include "thrift/peer/link_report.h"

#include <fmt/format.h>

namespace troth::thrift {

void LinkReport::delivered(const Delivery& delivery) {
  ++status_.batches_sent;
  status_.bytes_sent += delivery.bytes;
  status_.messages_sent += delivery.messages;
  // If no thread waited for the answer, the time of its arrival is unknown.
  if (delivery.took) status_.rtt = delivery.took;
}

void LinkReport::greeted(Duration took, const std::string& address) {
  status_.rtt = took;  // an idle link has nothing better until its first batch
  status_.address = address;
  if (address == given_) proved_.clear();  // it is where it is looked for first
}

void LinkReport::set_address(const std::string& address) {
  given_ = address;
  if (status_.connected) {
    status_.last_error = moved();
  } else {
    status_.address = given_;
  }
}

std::string LinkReport::moved() const {
  if (status_.address == given_) return "";
  return fmt::format("it is at {}, and the settings name {}", status_.address, given_);
}

bool LinkReport::change(bool connected, const std::string& error, WallTime now) {
  if (status_.connected == connected && (connected || status_.last_error == error)) return false;
  if (status_.connected != connected) status_.since = now;
  status_.connected = connected;
  if (connected) {
    greeted_from_.clear();
    status_.last_error = moved();
  } else {
    status_.rtt.reset();
    status_.last_error = error;
    status_.address = given_;
  }
  return true;
}

std::string LinkReport::unreachable(const NodeName& self, const std::string& address,
                                    const std::string& why) const {
  const auto& peer = status_.peer;
  if (greeted_from_.empty()) return fmt::format("cannot reach {} at {}: {}", peer, address, why);
  return fmt::format(
      "{} reaches {} and says that it is at {}, but {} cannot reach it at {}: {}; correct the "
      "address that is configured for it, or what it advertises",
      peer, self, greeted_from_, self, address, why);
}

}  // namespace troth::thrift
