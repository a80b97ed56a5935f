// Spans of transactions whose client asked for them: a sampled traceparent, and somewhere to put
// spans. One for each transaction; what its participants do hangs below it.
#include "base/trace.h"
#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

std::unique_ptr<TraceContext> Engine::join_trace(const Gtid& gtid, std::string& traceparent) const {
  if (traceparent.empty()) return nullptr;
  const auto above = TraceContext::parse(traceparent);
  traceparent = above ? above->text() : "";  // it goes into logs: what is none, or long, does not
  if (options_.spans == nullptr || !above || !above->sampled) return nullptr;
  auto own = *above;
  own.parent = SpanId::of(gtid.text());
  traceparent = own.text();
  return std::make_unique<TraceContext>(*above);
}

// Its own span ended with the answer, or was lost with the process: this one is below it.
void Engine::end_recovered_span(const TwoPhaseCommit& machine, MonotonicTime since, Now now) const {
  if (options_.spans == nullptr || !machine.recovered_from_log()) return;
  const auto& setup = machine.setup();
  const auto above = TraceContext::parse(setup.traceparent);
  if (!above || !above->sampled) return;
  Span span;
  span.context = *above;
  span.id = SpanId::of(fmt::format("{} recovered {}", setup.gtid, options_.epoch));
  span.name = "troth.v1.Coordinator/recover";
  span.ended = now.wall;
  span.lasted = now.monotonic - since;
  span.attributes = {{"troth.txn.id", setup.gtid.text()}, {"troth.recovered", "true"}};
  if (const auto known = recent_.find(setup.gtid); known != recent_.end())
    span.attributes.emplace_back("troth.outcome", std::string(to_string(known->second.outcome)));
  options_.spans->finish(std::move(span));
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
