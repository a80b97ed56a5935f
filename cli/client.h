#pragma once
// The client library, as every command uses it.

#include "cli/arguments.h"
#include "thrift/client.h"

namespace troth::cli {

inline thrift::Client client_for(const Arguments& arguments) {
  thrift::ClientOptions options;
  options.endpoints = arguments.endpoints;
  options.call_timeout = arguments.timeout;
  options.client_name = "troth-cli";
  options.target = "daemon";
  return thrift::Client(options);
}

/// A particular daemon, found while looking at another; given up soon.
inline thrift::Client client_at(const Arguments& arguments, const std::string& address) {
  auto at = arguments;
  at.endpoints = {address};
  at.timeout = std::min<Duration>(arguments.timeout, std::chrono::seconds(3));
  return client_for(at);
}

}  // namespace troth::cli
