#include "coordinator/call_spans.h"

#include <fmt/format.h>

#include <utility>

namespace troth::coordinator {

using namespace protocol;

std::unique_ptr<TraceContext> CallSpans::join(const Gtid& gtid, std::string& traceparent) const {
  if (traceparent.empty()) return nullptr;
  const auto above = TraceContext::parse(traceparent);
  traceparent = above ? above->text() : "";  // it goes into logs, unless it is malformed or long
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

void CallSpans::begin(const Gtid& gtid, const TraceContext* above, OutgoingNow& out, Now now) {
  if (auto* prepare = std::get_if<Prepare>(&out.message)) {
    begin(gtid, above, out.to, "prepare", &prepare->traceparent, now);
  } else if (auto* one_phase = std::get_if<CommitOnePhase>(&out.message)) {
    begin(gtid, above, out.to, "commitOnePhase", &one_phase->traceparent, now);
  }
}

void CallSpans::begin(const DurabilityGate::Due& due, Now now) {
  for (const auto& out : due.promises())
    if (const auto* decide = std::get_if<Decide>(&out.message);
        decide != nullptr && decide->decision == Decision::kCommit)
      begin(due.gtid(), nullptr, out.to, "commit", nullptr, now);
}

void CallSpans::begin(const Gtid& gtid, const TraceContext* above, const NodeName& to,
                      std::string_view method, std::string* traceparent, Now now) {
  auto found = calls_.find(gtid);
  if (found == calls_.end()) {
    if (above == nullptr) return;
    found = calls_.emplace(gtid, Calls{*above, {}}).first;
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

void CallSpans::end(const Gtid& gtid, const NodeName& to, std::string_view method,
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

void CallSpans::end_all(const Gtid& gtid, const std::string& error, Now now) {
  const auto found = calls_.find(gtid);
  if (found == calls_.end()) return;
  for (const auto& call : std::vector<Call>(found->second.all))
    end(gtid, call.to, call.method, error, now);
}

void CallSpans::end_recovered(const GlobalCommit& machine, std::optional<Outcome> outcome,
                              Duration lasted, Now now) const {
  if (options_.spans == nullptr || !machine.recovered_from_log()) return;
  const auto& setup = machine.setup();
  const auto above = TraceContext::parse(setup.traceparent);
  if (!above || !above->sampled) return;
  Span span;
  span.context = *above;
  span.id = SpanId::of(fmt::format("{} recovered {}", setup.gtid, options_.epoch));
  span.name = "troth.v1.Coordinator/recover";
  span.ended = now.wall;
  span.lasted = lasted;
  span.attributes = {{"troth.txn.id", setup.gtid.text()}, {"troth.recovered", "true"}};
  if (outcome) span.attributes.emplace_back("troth.outcome", std::string(to_string(*outcome)));
  options_.spans->finish(std::move(span));
}

void CallSpans::end_transaction(const TraceContext& above, const char* name,
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
