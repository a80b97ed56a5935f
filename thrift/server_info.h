#pragma once
// What a daemon says about itself to whoever connects. Clients test features, not versions.

#include <string>
#include <vector>

#include "protocol/message.h"

namespace troth::thrift {

struct ServerInfo {
  std::string version;      ///< of the program, for example "0.1.0"
  std::string idl_version;  ///< of thrift/*.thrift; filled in by the server itself
  NodeName name;
  protocol::Role role = protocol::Role::kCoordinator;
  std::vector<std::string> features;  ///< stable words, for example "two_phase"
};

}  // namespace troth::thrift
