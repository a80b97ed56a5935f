#pragma once
// Conversion of who holds and who waits for locks.

#include <troth_idl/admin_types.h>

#include "protocol/locks.h"
#include "thrift/convert_common.h"

namespace troth::thrift {

v1::LockedResource to_wire(const protocol::LockedResource& resource);
v1::BlockedTransaction to_wire(const protocol::BlockedTransaction& blocked);
v1::ListLocksResponse to_wire(const protocol::LockPage& page);

Result<protocol::LockedResource> from_wire(v1::LockedResource&& w, const Where& where);
Result<protocol::BlockedTransaction> from_wire(v1::BlockedTransaction&& w, const Where& where);
Result<protocol::LockPage> from_wire(v1::ListLocksResponse&& w, const Where& where);

}  // namespace troth::thrift
