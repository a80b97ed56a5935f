#pragma once
// By which names the HTTP port may be called. A page of somebody else whose name was made to
// resolve to this machine (DNS rebinding) calls it by that name; everybody who means this daemon
// uses an address, localhost, this machine's name, or one that the administrator has named.

#include <set>
#include <string>
#include <string_view>

namespace troth::http {

class AllowedHosts {
 public:
  /// `names`: separated by commas, beyond those that always are allowed. "*" = any.
  explicit AllowedHosts(std::string_view names);
  /// Of a Host header, with or without a port. No header at all is no browser's: allowed.
  bool allows(std::string_view host) const;

 private:
  std::set<std::string, std::less<>> names_;
  bool any_ = false;
};

}  // namespace troth::http
