#pragma once
// What doctor makes of a link that is down: the error of the link says what to do next.

#include <string>

#include "base/ids.h"
#include "troth/nodes.h"

namespace troth::cli {

/// A daemon listens there, or did a moment ago: nothing refused the connection.
bool is_silence(const std::string& error);

/// The peer came back with a log that is older than what it had said, or with another one.
bool is_amnesia(const std::string& error);

/// What an operator does next about a participant that `coordinator` does not reach. Starting it
/// again is no help where an address or a name is wrong.
std::string next_for_down(const NodeName& coordinator, const LinkStatus& link);

}  // namespace troth::cli
