// Spans of transactions whose client asked for them: a sampled traceparent, and somewhere to put
// spans. One for each transaction, below it one for each call to a participant, and below that what
// the participant does.
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

namespace {

SpanId span_of_call(const Gtid& gtid, const NodeName& to, std::string_view method) {
  return SpanId::of(fmt::format("{} calls {} of {}", gtid, method, to));
}

}  // namespace

void Engine::begin_call(const Gtid& gtid, const Transaction& txn, OutgoingNow& out, Now now) {
  if (auto* prepare = std::get_if<Prepare>(&out.message)) {
    begin_call(gtid, &txn, out.to, "prepare", &prepare->traceparent, now);
  } else if (auto* one_phase = std::get_if<CommitOnePhase>(&out.message)) {
    begin_call(gtid, &txn, out.to, "commitOnePhase", &one_phase->traceparent, now);
  }
}

void Engine::begin_calls(const DurabilityGate::Due& due, Now now) {
  for (const auto& out : due.promises())
    if (const auto* decide = std::get_if<Decide>(&out.message);
        decide != nullptr && decide->decision == Decision::kCommit)
      begin_call(due.gtid(), nullptr, out.to, "commit", nullptr, now);
}

void Engine::begin_call(const Gtid& gtid, const Transaction* txn, const NodeName& to,
                        std::string_view method, std::string* traceparent, Now now) {
  auto found = calls_.find(gtid);
  if (found == calls_.end()) {
    if (txn == nullptr || !txn->trace) return;
    found = calls_.emplace(gtid, Calls{*txn->trace, {}}).first;
    found->second.own.parent = SpanId::of(gtid.text());
  }
  auto& calls = found->second;
  if (traceparent != nullptr) {
    auto below = calls.own;
    below.parent = span_of_call(gtid, to, method);
    *traceparent = below.text();
  }
  for (const auto& call : calls.all)
    if (call.to == to && call.method == method) return;  // repeated: it is the same call
  calls.all.push_back({to, method, now.monotonic});
}

void Engine::end_call(const Gtid& gtid, const NodeName& to, std::string_view method,
                      const std::string& error, Now now) {
  const auto found = calls_.find(gtid);
  if (found == calls_.end()) return;
  for (auto& call : found->second.all) {
    if (call.to != to || call.method != method || std::exchange(call.ended, true)) continue;
    Span span;
    span.context = found->second.own;
    span.id = span_of_call(gtid, to, method);
    span.name = fmt::format("troth.v1.Participant/{}", method);
    span.kind = SpanKind::kClient;
    span.ended = now.wall;
    span.lasted = now.monotonic - call.since;
    span.attributes = {
        {"rpc.system", "thrift"}, {"troth.participant", to.text()}, {"troth.txn.id", gtid.text()}};
    if (!error.empty()) span.attributes.emplace_back("error.type", error);
    span.error = error;
    options_.spans->finish(std::move(span));
  }
}

// It is aborted; whoever has not answered will not be waited for.
void Engine::end_calls(const Gtid& gtid, const std::string& error, Now now) {
  const auto found = calls_.find(gtid);
  if (found == calls_.end()) return;
  for (const auto& call : std::vector<Calls::Call>(found->second.all))
    end_call(gtid, call.to, call.method, error, now);
}

// Its own span ended with the answer, or was lost with the process: this one is below it.
void Engine::end_recovered_span(const GlobalCommit& machine, MonotonicTime since, Now now) const {
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
  if (const auto known = recent_.find(setup.gtid); known)
    span.attributes.emplace_back("troth.outcome", std::string(to_string(known->outcome)));
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
