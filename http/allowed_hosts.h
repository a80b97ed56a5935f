#pragma once
// The host names by which the HTTP port may be called. A web page whose name was made to resolve to
// this machine (DNS rebinding) calls the port by that name. Callers that mean this daemon use an
// address, localhost, this machine's name, or a name from `http-allowed-hosts`.

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
