#pragma once
// Conversion of what operators ask and see.

#include <troth_idl/admin_types.h>

#include "protocol/ports.h"
#include "thrift/convert/convert_common.h"

namespace troth::thrift {

v1::NodeStatus to_wire(const NodeStatus& status);
v1::TransactionSummary to_wire(const TransactionSummary& summary);
v1::TransactionDetail to_wire(const TransactionDetail& detail);
v1::TransactionFilter::type to_wire(TransactionFilter filter);

Result<NodeStatus> from_wire(v1::NodeStatus&& status, const Where& where);
Result<TransactionSummary> from_wire(v1::TransactionSummary&& summary, const Where& where);
Result<TransactionDetail> from_wire(v1::TransactionDetail&& detail, const Where& where);
Result<TransactionFilter> from_wire(v1::TransactionFilter::type filter, const Where& where);

}  // namespace troth::thrift
