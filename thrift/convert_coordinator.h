#pragma once
// Conversion of what clients send and receive.

#include <troth_idl/coordinator_types.h>

#include "protocol/service.h"
#include "thrift/convert_common.h"
#include "thrift/server_info.h"

namespace troth::thrift {

/// client_name and traceparent travel in the CallContext.
v1::CallContext context_to_wire(const protocol::SubmitRequest& request);
v1::Transaction to_wire(const protocol::SubmitRequest& request);
v1::TransactionOutcome to_wire(const protocol::TransactionOutcome& outcome);
v1::Refusal to_wire(const protocol::Refusal& refusal);
v1::SubmitBatchItem to_wire(const protocol::SubmitReply& reply);
v1::GetServerInfoResponse to_wire(const ServerInfo& info);

Result<protocol::SubmitRequest> from_wire(v1::Transaction&& transaction,
                                          const v1::CallContext& context, const Where& where);
Result<protocol::TransactionOutcome> from_wire(v1::TransactionOutcome&& outcome,
                                               const Where& where);
protocol::Refusal from_wire(v1::Refusal&& refusal);

v1::BeginRequest to_wire(const protocol::BeginRequest& request);
v1::ExecuteResponse to_wire(const protocol::ExecuteReply& reply);
Result<protocol::BeginRequest> from_wire(v1::BeginRequest&& request, const Where& where);
Result<protocol::ExecuteReply> from_wire(v1::ExecuteResponse&& reply, const Where& where);
Result<protocol::SubmitReply> from_wire(v1::SubmitBatchItem&& item, const Where& where);
Result<ServerInfo> from_wire(v1::GetServerInfoResponse&& info);

}  // namespace troth::thrift
