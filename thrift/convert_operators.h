#pragma once
// Conversion of what operators do.

#include <troth_idl/admin_types.h>

#include "protocol/operators.h"
#include "thrift/convert_common.h"

namespace troth::thrift {

v1::Operator to_wire(const protocol::Operator& by);
v1::ResolveTransactionRequest to_wire(const protocol::ResolveRequest& request);
v1::ForgetTransactionRequest to_wire(const protocol::ForgetRequest& request);
v1::ResolveTransactionResponse to_wire(const protocol::ResolveReply& reply);
v1::DeclareLostRequest to_wire(const protocol::LostRequest& request);
v1::DeclareLostResponse to_wire(const protocol::LostReply& reply);
v1::AuditEntry to_wire(const protocol::AuditEntry& entry);

protocol::Operator from_wire(v1::Operator&& by);
Result<protocol::ResolveRequest> from_wire(v1::ResolveTransactionRequest&& w, const Where& where);
Result<protocol::ForgetRequest> from_wire(v1::ForgetTransactionRequest&& w, const Where& where);
Result<protocol::ResolveReply> from_wire(v1::ResolveTransactionResponse&& w, const Where& where);
Result<protocol::LostRequest> from_wire(v1::DeclareLostRequest&& w, const Where& where);
protocol::LostReply from_wire(v1::DeclareLostResponse&& w);
protocol::AuditEntry from_wire(v1::AuditEntry&& w);

}  // namespace troth::thrift
