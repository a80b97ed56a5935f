#pragma once
// The answer to a request that is larger than a frame may be. Without it the server would close the
// connection while the client still writes, and the client would learn nothing.

#include <cstdint>

#include "thrift/wire/stream.h"
#include "thrift/wire/wire.h"

namespace troth::thrift {

/// `in` stands behind the length `bytes` of a frame above `limit`. If a call begins there, it is
/// answered with a TApplicationException that names the limit, and what the client still sends is
/// read and dropped, within bounds of time and bytes. The caller closes the connection. False: no
/// call began there.
bool refuse_oversized(apache::thrift::transport::TTransport& in, WireProtocol& out,
                      std::uint32_t bytes, std::uint32_t limit);

}  // namespace troth::thrift
