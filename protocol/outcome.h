#pragma once
// The record form of troth/outcome.h.

#include "base/codec.h"
#include "base/ids.h"
#include "protocol/statement.h"
#include "troth/outcome.h"

namespace troth::protocol {

void encode(ByteWriter& out, const AbortReason& reason);
/// Into an empty one.
void decode(ByteReader& in, AbortReason& reason);

}  // namespace troth::protocol
