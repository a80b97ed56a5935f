#pragma once
// The commands of both daemons about clusters and claims.

#include <string>

#include "os/daemon_settings.h"
#include "os/file.h"

namespace troth {

/// The id for init; "" = default. kInvalidArgument unless it is a name like those of nodes.
Result<std::string> cluster_of(const SettingValues& values);

/// `dismiss` or `confirm`; prints what it did.
Status settle_claim(const std::string& command, const SettingValues& values, FileSystem& files);

}  // namespace troth
