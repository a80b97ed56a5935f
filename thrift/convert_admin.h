#pragma once
// Conversion of what operators ask and see.

#include <troth_idl/admin_types.h>

#include "protocol/service.h"
#include "thrift/convert_common.h"

namespace troth::thrift {

v1::NodeStatus to_wire(const protocol::NodeStatus& status);
v1::TransactionSummary to_wire(const protocol::TransactionSummary& summary);
v1::TransactionDetail to_wire(const protocol::TransactionDetail& detail);
v1::TransactionFilter::type to_wire(protocol::TransactionFilter filter);

Result<protocol::NodeStatus> from_wire(v1::NodeStatus&& status, const Where& where);
Result<protocol::TransactionSummary> from_wire(v1::TransactionSummary&& summary,
                                               const Where& where);
Result<protocol::TransactionDetail> from_wire(v1::TransactionDetail&& detail, const Where& where);
Result<protocol::TransactionFilter> from_wire(v1::TransactionFilter::type filter,
                                              const Where& where);

}  // namespace troth::thrift
