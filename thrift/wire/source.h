#pragma once
// Where a connection comes from, for shares of those that have proved no identity.

#include <string>

namespace troth::thrift {

/// The IPv4 address, or the first 64 bits of an IPv6 address, which one host has for itself. "" if it
/// cannot be told.
std::string source_of(int socket);

}  // namespace troth::thrift
