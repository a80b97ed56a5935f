#pragma once
// Conversion of the holders and waiters of locks.

#include <troth_idl/admin_types.h>

#include "thrift/convert/convert_common.h"
#include "troth/locks.h"

namespace troth::thrift {

v1::LockedResource to_wire(const LockedResource& resource);
v1::BlockedTransaction to_wire(const BlockedTransaction& blocked);
v1::ListLocksResponse to_wire(const LockPage& page);

Result<LockedResource> from_wire(v1::LockedResource&& w, const Where& where);
Result<BlockedTransaction> from_wire(v1::BlockedTransaction&& w, const Where& where);
Result<LockPage> from_wire(v1::ListLocksResponse&& w, const Where& where);

}  // namespace troth::thrift
