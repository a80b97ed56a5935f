// Spans of branches whose client asked for them, those that a crash interrupted included: the
// PREPARED record carries the traceparent.
#include <fmt/format.h>

#include "base/trace.h"
#include "participant/branches.h"

namespace troth::participant {

using namespace protocol;

void end_span(const EngineOptions& options, const BranchEntry& entry, Now now) {
  const auto above = TraceContext::parse(entry.branch.prepared_record().traceparent);
  if (!above || !above->sampled) return;
  const bool one_phase = entry.branch.kind() == Branch::Kind::kOnePhase;
  const auto state = entry.branch.state();
  Span span;
  span.context = *above;
  const auto gtid = entry.branch.gtid().text();
  span.id = SpanId::of(fmt::format("{} {} {}", gtid, options.name, options.epoch));
  span.name = one_phase ? "troth.v1.Participant/commitOnePhase" : "troth.v1.Participant/prepare";
  span.kind = SpanKind::kServer;
  span.ended = now.wall;
  span.lasted = now.monotonic - entry.since;
  span.attributes = {{"db.system.name", "sqlite"},
                     {"troth.participant", options.name.text()},
                     {"troth.txn.id", gtid},
                     {"troth.branch.state", std::string(to_string(state))}};
  // Its time before the crash is in no span: it begins at the start that found it in the log.
  if (entry.recovered) span.attributes.emplace_back("troth.recovered", "true");
  if (state == Branch::State::kAborted) {
    span.attributes.emplace_back("error.type", to_string(entry.branch.reason().code));
    span.error = entry.branch.reason().detail;
    if (span.error.empty()) span.error = "aborted";
  }
  options.spans->finish(std::move(span));
}

}  // namespace troth::participant
