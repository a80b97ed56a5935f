#pragma once
// The description that a daemon gives to a client. Clients test features, not versions.

#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/views.h"

namespace troth {

struct ServerInfo {
  std::string version;      ///< of the program, for example "0.2.0"
  std::string idl_version;  ///< of thrift/idl/*.thrift; filled in by the server itself
  NodeName name;
  Role role = Role::kCoordinator;
  std::vector<std::string> features;  ///< stable words, for example "two_phase"
};

}  // namespace troth
