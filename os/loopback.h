#pragma once
// Which addresses only this machine can reach.

#include <string>

namespace troth {

/// True if every address of the host name or address is one of loopback. False also if it cannot be
/// resolved, and for "" and wildcards, which mean every address.
bool is_loopback(const std::string& host);

}  // namespace troth
