#include "http/allowed_hosts.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace troth::http {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// "name:80" and "[::1]:80" without the port and the brackets.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  const auto colon = host.find(':');
  return colon != std::string_view::npos && host.find(':', colon + 1) == std::string_view::npos
             ? host.substr(0, colon)
             : host;
}

}  // namespace

AllowedHosts::AllowedHosts(std::string_view names) : names_{"localhost"} {
  std::array<char, 256> own{};
  if (::gethostname(own.data(), own.size() - 1) == 0) names_.insert(lower(own.data()));
  while (!names.empty()) {
    const auto end = std::min(names.find(','), names.size());
    auto name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name == "*") any_ = true;
    if (!name.empty()) names_.insert(lower(name));
  }
}

bool AllowedHosts::allows(std::string_view host) const {
  if (any_ || host.empty()) return true;
  auto name = lower(without_port(host));
  if (name.ends_with('.')) name.pop_back();
  return names_.count(name) != 0 || is_address(name);
}

}  // namespace troth::http
