#include "coordinator/ended_views.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::coordinator {

TransactionSummary summary_of(const history::EndedTransaction& ended, WallTime now) {
  const bool committed = ended.outcome == Outcome::kCommitted;
  TransactionSummary out;
  out.gtid = ended.gtid;
  out.state = committed ? "committed" : "aborted";
  out.decision = committed ? "commit" : "abort";
  out.protocol = to_string(ended.protocol);
  out.age = std::chrono::milliseconds(std::max<std::int64_t>(0, now.unix_ms - ended.ended.unix_ms));
  out.attempts = static_cast<std::int32_t>(ended.attempts);
  out.participants = ended.participants;
  out.idempotency_key = ended.idempotency_key;
  out.ended_unix_ms = ended.ended.unix_ms;
  out.comment = ended.comment;
  if (committed) return out;
  out.reason_code = to_string(ended.reason.code);
  if (!ended.reason.detail.empty())
    out.comment = ended.comment.empty()
                      ? ended.reason.detail
                      : fmt::format("{} [{}]", ended.reason.detail, ended.comment);
  return out;
}

Result<TransactionPage> list_ended(history::OutcomeStore* store, const ListRequest& request,
                                   WallTime now) {
  if (store == nullptr)
    return fail(ErrorCode::kUnsupported, "this node keeps no history of ended transactions");
  TROTH_ASSIGN_OR_RETURN(auto found,
                         store->list({request.since, request.key, request.participant,
                                      std::max<std::size_t>(request.limit, 1), request.after}));
  TransactionPage page;
  for (const auto& ended : found.ended) page.transactions.push_back(summary_of(ended, now));
  page.next = std::move(found.next);
  return page;
}

}  // namespace troth::coordinator
