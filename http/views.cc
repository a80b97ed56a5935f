#include "http/views.h"

#include <fmt/format.h>

#include <charconv>

#include "base/version.h"
#include "diagnosis/diagnosis.h"
#include "http/actions.h"
#include "http/metrics.h"
#include "json/admin_json.h"
#include "json/findings_json.h"

namespace troth::http {

using namespace protocol;

namespace {

constexpr std::string_view kApi = "/api/v1/";
constexpr std::size_t kDefaultLimit = 100;
constexpr std::size_t kMaxLimit = 10'000;

constexpr const char* kIndex =
    "troth\n\n"
    "/healthz                      the process lives\n"
    "/readyz                       200, or 503 and the reason\n"
    "/metrics                      Prometheus text\n"
    "/version\n"
    "/api/v1/status                as troth status -o json\n"
    "/api/v1/findings              what is wrong with this node, as troth doctor -o json\n"
    "/api/v1/transactions          as troth txn list -o json; "
    "?filter=all|in_doubt|active|recent&limit=100\n"
    "/api/v1/transactions/ID       as troth txn show ID -o json\n"
    "/api/v1/locks                as troth participant locks NAME -o json (a participant's); "
    "?txn=ID&all=1&limit=100\n"
    "/api/v1/audit                 as troth audit -o json; ?limit=100\n"
    "/api/v1/participants          as troth participant list -o json (a coordinator's)\n"
    "/api/v1/outcomes/ID           as troth outcome ID -o json, or ?key=KEY (a coordinator's)\n\n"
    "POST, where http-token-file is set: Authorization: Bearer TOKEN, Content-Type: "
    "application/json\n"
    "/api/v1/transactions               as troth submit FILE (a coordinator's)\n"
    "/api/v1/transactions/retry         every one; {\"reason\", \"operator\"}\n"
    "/api/v1/transactions/ID/retry\n"
    "/api/v1/transactions/ID/resolve    {\"decision\", \"dry_run\" or \"revision\", \"confirm\", "
    "\"reason\", \"operator\"}\n"
    "/api/v1/transactions/ID/forget     {\"dry_run\" or \"confirm\", \"reason\", \"operator\"}\n"
    "/api/v1/participants/NAME/drain, and .../resume (a coordinator's)\n"
    "/api/v1/participants/NAME/lost     {\"dry_run\" or \"confirm\", \"forget\", \"reason\", "
    "\"operator\"}\n";

Result<TransactionFilter> parse_filter(const std::string& text) {
  if (text.empty() || text == "all") return TransactionFilter::kAll;
  if (text == "in_doubt") return TransactionFilter::kInDoubt;
  if (text == "active") return TransactionFilter::kActive;
  if (text == "recent") return TransactionFilter::kRecent;
  if (text == "ended") return TransactionFilter::kEnded;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("filter \"{}\" is not all, in_doubt, active, recent or ended", text));
}

// Milliseconds since 1970; "" = 0.
Result<WallTime> parse_since(const std::string& text) {
  WallTime out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.unix_ms);
  if (text.empty() || (error == std::errc{} && end == text.data() + text.size())) return out;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("since_unix_ms \"{}\" is not a number", text));
}

Result<std::size_t> parse_limit(const std::string& text) {
  if (text.empty()) return kDefaultLimit;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit == 0 || limit > kMaxLimit)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("limit \"{}\" is not between 1 and {}", text, kMaxLimit));
  return limit;
}

std::string value_of(const std::map<std::string, std::string>& query, const char* key) {
  const auto found = query.find(key);
  return found == query.end() ? "" : found->second;
}

/// The node looks at itself: what it does not know of others is not found.
diagnosis::NodeFacts facts_of(const NodeStatus& status) {
  diagnosis::NodeFacts facts;
  facts.status = status;
  for (const auto& [name, value] : status.counters)
    if (name == "wall_clock_unix_ms") facts.now = WallTime{static_cast<std::int64_t>(value)};
  return facts;
}

/// A statement may hold values of rows.
void withhold_sql(TransactionDetail& detail) {
  for (auto& branch : detail.branches)
    for (auto& statement : branch.statements) statement = "(shown with the token)";
}

}  // namespace

void Views::serve(AdminPort& port, CoordinatorPort* coordinator) {
  if (coordinator != nullptr) submitter_.serve(policy_, *coordinator);
  const ExclusiveLock lock(mutex_);
  port_.emplace(policy_, port);
  reason_.clear();
}

void Views::not_ready(std::string reason) {
  const ExclusiveLock lock(mutex_);
  reason_ = std::move(reason);
}

void Views::stop_serving() {
  submitter_.stop();
  const ExclusiveLock lock(mutex_);
  port_.reset();
  reason_ = "stopped";
}

Reply Views::get(const std::string& path, const std::map<std::string, std::string>& query,
                 const Reader& reader) {
  if (path == "/healthz") return text(200, "ok\n");
  if (path == "/") return text(200, kIndex);
  if (path == "/version") return json({{"schema", "troth.version/1"}, {"version", version()}});
  const bool api_path = path.starts_with(kApi);
  if (path != "/readyz" && path != "/metrics" && !api_path)
    return problem({ErrorCode::kNotFound, "no such path; / lists them"});
  SharedLock lock(mutex_);
  if (path == "/readyz") return ready();
  if (!port_) return problem({ErrorCode::kBusy, reason_});
  if (!api_path) return metrics(reader.by);
  const auto view = path.substr(kApi.size());
  constexpr std::string_view kOutcomes = "outcomes";
  if (!view.starts_with(kOutcomes)) return api(view, query, reader);
  lock.unlock();  // it may take a while
  return submitter_.outcome(reader.by,
                            view.size() > kOutcomes.size() ? view.substr(kOutcomes.size() + 1) : "",
                            value_of(query, "key"));
}

Reply Views::post(const std::string& path, const std::string& body, const Origin& from) {
  if (!path.starts_with(kApi)) return problem({ErrorCode::kNotFound, "no such path; / lists them"});
  const auto view = path.substr(kApi.size());
  SharedLock lock(mutex_);
  if (!port_) return problem({ErrorCode::kBusy, reason_});
  if (view != "transactions") return act(*port_, view, body, from);
  lock.unlock();  // it waits for the outcome
  return submitter_.submit(body, from);
}

Reply Views::ready() {
  if (!reason_.empty()) return text(503, reason_ + "\n");
  const auto status = port_->probe();
  if (!status) return text(503, status.error().context + "\n");
  const auto findings = diagnosis::diagnose(facts_of(*status));
  const auto* why = diagnosis::reason_not_ready(findings);
  if (why == nullptr && status->state == "ready") return text(200, "ready\n");
  if (why == nullptr) return text(503, status->state + "\n");
  return text(503,
              fmt::format("{}\n{}\nnext: {}\npage: docs/runbooks/{}.md\n",
                          status->state == "ready" || status->state == "failed" ? why->row().name
                                                                                : status->state,
                          why->cause, why->next, why->page()));
}

Reply Views::metrics(const Principal& by) {
  auto scraped = port_->scrape(by);
  if (!scraped) return problem(scraped.error());
  scraped->measured.add("http_connections_refused_total", {}, turned_away_());
  return {200,
          "text/plain; version=0.0.4; charset=utf-8",
          prometheus_text(scraped->status, scraped->measured, measure_process()),
          {}};
}

Reply Views::api(const std::string& view, const std::map<std::string, std::string>& query,
                 const Reader& reader) {
  auto& port = *port_;
  const auto& by = reader.by;
  constexpr std::string_view kOne = "transactions/";
  if (view == "status" || view == "participants") {
    const auto status = port.status(by);
    if (!status) return problem(status.error());
    if (view == "status") return json(status_view(*status));
    if (status->role != Role::kCoordinator)
      return problem({ErrorCode::kNotFound, "a participant has no participants"});
    return json(participants_view(*status));
  }
  if (view == "findings") {
    const auto status = port.status(by);
    return status ? json(findings_view(diagnosis::diagnose(facts_of(*status))))
                  : problem(status.error());
  }
  if (view == "audit") {
    const auto limit = parse_limit(value_of(query, "limit"));
    if (!limit) return problem(limit.error());
    const auto trail = port.audit(by, *limit);
    return trail ? json(audit_view(*trail)) : problem(trail.error());
  }
  if (view == "locks") {
    const auto limit = parse_limit(value_of(query, "limit"));
    if (!limit) return problem(limit.error());
    const auto all = value_of(query, "all");
    if (!all.empty() && all != "0" && all != "1")
      return problem({ErrorCode::kInvalidArgument, fmt::format("all \"{}\" is not 0 or 1", all)});
    const auto page =
        port.locks(by, {value_of(query, "txn"), all == "1", *limit, value_of(query, "after")});
    return page ? json(locks_view(*page)) : problem(page.error());
  }
  if (view == "transactions") {
    const auto filter = parse_filter(value_of(query, "filter"));
    if (!filter) return problem(filter.error());
    const auto limit = parse_limit(value_of(query, "limit"));
    if (!limit) return problem(limit.error());
    const auto since = parse_since(value_of(query, "since_unix_ms"));
    if (!since) return problem(since.error());
    const auto list =
        port.list_transactions(by, {*filter, *limit, value_of(query, "after"), *since,
                                    value_of(query, "key"), value_of(query, "participant")});
    return list ? json(transactions_view(*list)) : problem(list.error());
  }
  if (view.starts_with(kOne) && view.size() > kOne.size()) {
    auto detail = port.show_transaction(by, view.substr(kOne.size()));
    if (detail && !reader.is_holder) withhold_sql(*detail);
    return detail ? json(transaction_view(*detail)) : problem(detail.error());
  }
  return problem({ErrorCode::kNotFound, "no such view; / lists them"});
}

}  // namespace troth::http
