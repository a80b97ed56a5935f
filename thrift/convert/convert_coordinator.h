#pragma once
// Conversion of what clients send and receive.

#include <troth_idl/coordinator_types.h>

#include "protocol/ports.h"
#include "thrift/convert/convert_common.h"
#include "troth/server_info.h"

namespace troth::thrift {

/// client_name and traceparent travel in the CallContext.
v1::CallContext context_to_wire(const SubmitRequest& request);
v1::Transaction to_wire(const SubmitRequest& request);
/// Answers to clients are moved, because rows may be large.
void to_wire(TransactionOutcome&& outcome, v1::TransactionOutcome& out);
v1::TransactionOutcome to_wire(TransactionOutcome outcome);
v1::Refusal to_wire(const Refusal& refusal);
void to_wire(SubmitReply&& reply, v1::SubmitBatchItem& out);
v1::GetServerInfoResponse to_wire(const ServerInfo& info);

/// `out` is empty before, and nothing to go by after an error.
Status from_wire(v1::Transaction&& transaction, const v1::CallContext& context, const Where& where,
                 SubmitRequest& out);
Result<TransactionOutcome> from_wire(v1::TransactionOutcome&& outcome, const Where& where);
Refusal from_wire(v1::Refusal&& refusal);

v1::BeginRequest to_wire(const BeginRequest& request);
v1::ExecuteResponse to_wire(const ExecuteReply& reply);
Result<BeginRequest> from_wire(v1::BeginRequest&& request, const Where& where);
Result<ExecuteReply> from_wire(v1::ExecuteResponse&& reply, const Where& where);
Result<SubmitReply> from_wire(v1::SubmitBatchItem&& item, const Where& where);
Result<ServerInfo> from_wire(v1::GetServerInfoResponse&& info);

}  // namespace troth::thrift
