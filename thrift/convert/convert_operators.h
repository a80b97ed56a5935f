#pragma once
// Conversion of what operators do.

#include <troth_idl/admin_types.h>

#include "protocol/operators.h"
#include "thrift/convert/convert_common.h"

namespace troth::thrift {

v1::Operator to_wire(const Operator& by);
v1::ResolveTransactionRequest to_wire(const ResolveRequest& request);
v1::ForgetTransactionRequest to_wire(const ForgetRequest& request);
v1::ResolveTransactionResponse to_wire(const ResolveReply& reply);
v1::DeclareLostRequest to_wire(const LostRequest& request);
v1::DeclareLostResponse to_wire(const LostReply& reply);
v1::ForgetPeerRequest to_wire(const ForgetPeerRequest& request);
v1::ForgetPeerResponse to_wire(const ForgetPeerReply& reply);
v1::AuditEntry to_wire(const AuditEntry& entry);

Operator from_wire(v1::Operator&& by);
Result<ResolveRequest> from_wire(v1::ResolveTransactionRequest&& w, const Where& where);
Result<ForgetRequest> from_wire(v1::ForgetTransactionRequest&& w, const Where& where);
Result<ResolveReply> from_wire(v1::ResolveTransactionResponse&& w, const Where& where);
Result<LostRequest> from_wire(v1::DeclareLostRequest&& w, const Where& where);
LostReply from_wire(v1::DeclareLostResponse&& w);
Result<ForgetPeerRequest> from_wire(v1::ForgetPeerRequest&& w, const Where& where);
ForgetPeerReply from_wire(v1::ForgetPeerResponse&& w);
AuditEntry from_wire(v1::AuditEntry&& w);

}  // namespace troth::thrift
