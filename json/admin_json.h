#pragma once
// The one place that says how admin views look as JSON: what `troth -o json` prints is what
// /api/v1 answers. Keys are snake_case; durations carry their unit in the key.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/ports.h"

namespace troth::http {

nlohmann::ordered_json to_json(const NodeStatus& status);
nlohmann::ordered_json to_json(const LinkStatus& link);
nlohmann::ordered_json to_json(const TransactionSummary& summary);
nlohmann::ordered_json to_json(const TransactionDetail& detail);

/// Whole answers, schema first: troth.status/1, troth.txn.list/1, troth.txn.show/1,
/// troth.participant.list/1.
nlohmann::ordered_json status_view(const NodeStatus& status);
nlohmann::ordered_json transactions_view(const TransactionPage& page);
nlohmann::ordered_json transaction_view(const TransactionDetail& detail);
nlohmann::ordered_json participants_view(const NodeStatus& coordinator);

/// troth.locks/1.
nlohmann::ordered_json locks_view(const LockPage& page);
nlohmann::ordered_json to_json(const LockedResource& resource);
nlohmann::ordered_json to_json(const BlockedTransaction& blocked);

nlohmann::ordered_json to_json(const Value& value);
nlohmann::ordered_json to_json(const TransactionOutcome& outcome);
nlohmann::ordered_json to_json(const SubmitReply& reply);
/// Lower case, two digits a byte.
std::string hex(const std::string& bytes);

nlohmann::ordered_json to_json(const AuditEntry& entry);
/// troth.audit/1 and troth.txn.resolve/1.
nlohmann::ordered_json audit_view(const std::vector<AuditEntry>& entries);
nlohmann::ordered_json resolve_view(const ResolveReply& reply);
/// troth.submit/1 and troth.outcome/1.
nlohmann::ordered_json submit_view(const SubmitReply& reply);
nlohmann::ordered_json outcome_view(const TransactionOutcome& outcome);
/// troth.txn.retry/1, troth.participant.lost/1 and troth.participant.drain/1.
nlohmann::ordered_json retry_view(std::int64_t retried);
nlohmann::ordered_json forget_peer_view(const std::string& peer, const ForgetPeerReply& reply);
nlohmann::ordered_json lost_view(const std::string& participant, const LostReply& reply);
nlohmann::ordered_json drain_view(const std::string& participant, bool draining);

/// troth.error/1. `code` (a name that stays) and `hint` may be empty.
nlohmann::ordered_json error_view(std::string_view code, const std::string& what,
                                  const std::string& hint);

/// Text that is not UTF-8 is replaced, never an exception. `indent` -1 = one line.
std::string dump(const nlohmann::ordered_json& json, int indent);

}  // namespace troth::http
