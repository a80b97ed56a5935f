#pragma once
// The claims of peers against this log, and an operator's answers (engine/quarantine.h). For the
// start of a daemon, and for the commands `dismiss` and `confirm` of a stopped one.

#include <map>
#include <string>

#include "os/clock.h"
#include "os/file.h"
#include "protocol/record.h"
#include "wal/writer.h"

namespace troth::recovery {

/// kLostMemory if an operator has confirmed a claim: this log must not be served any more.
Status check_claims(const std::map<NodeName, protocol::ClaimRecord>& claims);

/// Logs an operator's answer to the claim of `witness`. kNotFound if it has made none,
/// kInvalidArgument without a reason.
Status settle_claim(FileSystem& files, const std::string& dir, wal::Options options,
                    const NodeName& witness, protocol::ClaimRecord::Standing standing,
                    const Operator& by, const Clock& clock);

}  // namespace troth::recovery
