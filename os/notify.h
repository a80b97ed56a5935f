#pragma once

#include <string>

namespace troth {

/// Tells systemd ("READY=1", "STATUS=...", "STOPPING=1", sd_notify(3)). Quiet without
/// NOTIFY_SOCKET.
void notify_supervisor(const std::string& state);

}  // namespace troth
