#include "os/loopback.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

namespace troth {

namespace {

bool is_loopback_address(const sockaddr& address) {
  constexpr std::uint32_t kNet = 127;
  if (address.sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == kNet;
  if (address.sa_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6) != 0) return v6.s6_addr[12] == kNet;
  return IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

}  // namespace

bool is_loopback(const std::string& host) {
  if (host.empty()) return false;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  bool all = found != nullptr;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
    all = all && is_loopback_address(*at->ai_addr);
  return all;
}

}  // namespace troth
