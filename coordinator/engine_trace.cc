// Spans of transactions whose client asked for them: a sampled traceparent, and somewhere to put
// spans. One for each transaction; what its participants do hangs below it.
#include "base/trace.h"
#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

std::unique_ptr<TraceContext> Engine::join_trace(const Gtid& gtid, std::string& traceparent) const {
  if (options_.spans == nullptr || traceparent.empty()) return nullptr;
  const auto above = TraceContext::parse(traceparent);
  if (!above || !above->sampled) return nullptr;
  auto own = *above;
  own.parent = SpanId::of(gtid.text());
  traceparent = own.text();
  return std::make_unique<TraceContext>(*above);
}

void Engine::end_span(const TraceContext& above, const char* name,
                      const TransactionOutcome& outcome, Duration lasted, Now now) const {
  Span span;
  span.context = above;
  span.id = SpanId::of(outcome.gtid.text());
  span.name = name;
  span.kind = SpanKind::kServer;
  span.ended = now.wall;
  span.lasted = lasted;
  span.attributes = {{"rpc.system", "thrift"},
                     {"troth.txn.id", outcome.gtid.text()},
                     {"troth.outcome", std::string(to_string(outcome.outcome))}};
  if (outcome.attempts > 1)
    span.attributes.emplace_back("troth.attempts", std::to_string(outcome.attempts));
  if (outcome.outcome == Outcome::kAborted) {
    span.attributes.emplace_back("error.type", to_string(outcome.reason.code));
    span.error = outcome.reason.detail.empty() ? std::string(to_string(outcome.reason.code))
                                               : outcome.reason.detail;
  }
  options_.spans->finish(std::move(span));
}

}  // namespace troth::coordinator
