#include "tests/isolation/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace troth::isolation {

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

Client connect(const std::string& endpoint) {
  ClientOptions options;
  options.endpoints = {endpoint};
  options.connect_timeout = std::chrono::seconds(1);
  options.call_timeout = std::chrono::seconds(8);
  options.interactive_timeout = std::chrono::seconds(8);
  return Client(options);
}

Statement statement(std::string sql, std::vector<Value> params) {
  return {std::move(sql), std::move(params), {}};
}

std::vector<std::int64_t> parse_list(const std::string& text) {
  std::vector<std::int64_t> out;
  for (std::size_t from = 0; from < text.size();) {
    const auto comma = text.find(',', from);
    out.push_back(std::stoll(text.substr(from, comma - from)));
    from = comma == std::string::npos ? text.size() : comma + 1;
  }
  return out;
}

namespace {

constexpr const char* kRead = "SELECT v FROM lists WHERE k = ?1";
constexpr const char* kAppend = "UPDATE lists SET v = v || ?1 || ',' WHERE k = ?2";

NodeName name(const std::string& text) {
  return NodeName::from_trusted(text);
}

std::int64_t integer(const StatementResult& result) {
  return std::get<std::int64_t>(result.rows.at(0).at(0));
}

Append append_of(const std::string& participant, std::int64_t key, Journal& journal) {
  return {{participant, key}, journal.next_value.fetch_add(1)};
}

Statement append_statement(const Append& append) {
  return statement(kAppend, {append.value, append.list.key});
}

}  // namespace

Session::Session(const Plan& plan, Journal& journal, std::uint64_t number)
    : plan_(plan),
      journal_(journal),
      random_(plan.seed * 1000 + number),
      client_(connect(plan.endpoint)),
      number_(number) {}

const std::string& Session::participant() {
  return plan_.participants[random_.below(plan_.participants.size())];
}

void Session::run(std::chrono::steady_clock::time_point until) {
  while (std::chrono::steady_clock::now() < until) {
    const auto dice = random_.below(100);
    if (dice < 35) {
      lists_interactive();
    } else if (dice < 65) {
      lists_one_shot();
    } else if (dice < 82) {
      transfer();
    } else if (dice < 92) {
      claim();
    } else {
      audit();
    }
  }
}

Session::Conversation Session::begin() {
  Conversation talk;
  talk.record.transaction.began_ns = now_ns();
  BeginRequest request;
  request.deadline = std::chrono::seconds(6);
  request.retry_of = std::exchange(retry_of_, {});
  const auto reply = client_.begin(request);
  if (!reply || reply->refusal) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the daemon is away: be polite
    return talk;
  }
  ++journal_.totals.started;
  talk.record.gtid = reply->gtid;
  talk.alive = true;
  return talk;
}

void Session::lost(Conversation& talk, AbortCode code) {
  talk.alive = false;
  ++journal_.totals.aborted;
  if (code == AbortCode::kDeadlock) {
    ++journal_.totals.deadlocks;
    retry_of_ = talk.record.gtid;
  }
  if (code == AbortCode::kTimeout || code == AbortCode::kLockTimeout) ++journal_.totals.timeouts;
  journal_.add(std::move(talk.record));
}

std::optional<StatementResult> Session::ask(Conversation& talk, const std::string& participant,
                                            Statement statement) {
  if (!talk.alive) return std::nullopt;
  const auto reply =
      client_.execute(talk.record.gtid, {name(participant), {std::move(statement)}, 0});
  // Nobody has asked for its commit: whatever happened, it is aborted.
  if (!reply || reply->refusal || reply->ended) {
    lost(talk, reply && reply->ended ? reply->ended->reason.code : AbortCode::kNone);
    return std::nullopt;
  }
  return reply->results.at(0);
}

void Session::finish(Conversation talk, bool commit) {
  if (!talk.alive) return;
  if (!commit) {
    static_cast<void>(client_.rollback(talk.record.gtid));
    return lost(talk, AbortCode::kClientCancelled);
  }
  const auto reply = client_.commit(talk.record.gtid);
  if (reply && !reply->refusal && reply->outcome.outcome == Outcome::kAborted)
    return lost(talk, reply->outcome.reason.code);
  settle(std::move(talk.record), reply);
}

void Session::settle(Recorded record, const Result<SubmitReply>& reply) {
  const bool known = reply && !reply->refusal && reply->outcome.outcome == Outcome::kCommitted;
  record.unknown = !known;
  record.transaction.answered_ns = known ? now_ns() : 0;
  record.transaction.ended = known ? Ended::kCommitted : Ended::kAborted;
  ++(known ? journal_.totals.committed : journal_.totals.unknown);
  journal_.add(std::move(record));
}

void Session::lists_interactive() {
  auto talk = begin();
  const auto steps = 2 + random_.below(4);
  for (std::uint64_t i = 0; i < steps && talk.alive; ++i) {
    const auto& where = participant();
    const auto key = static_cast<std::int64_t>(random_.below(Plan::kLists));
    if (random_.percent(50)) {
      const auto append = append_of(where, key, journal_);
      talk.record.transaction.appends.push_back(append);
      ask(talk, where, append_statement(append));
    } else if (const auto rows = ask(talk, where, statement(kRead, {key}))) {
      talk.record.transaction.reads.push_back(
          {{where, key}, parse_list(std::get<std::string>(rows->rows.at(0).at(0)))});
    }
  }
  finish(std::move(talk), !random_.percent(5));
}

void Session::lists_one_shot() {
  Recorded record;
  record.key = fmt::format("s{}-c{}-{}", plan_.seed, number_, keys_++);
  SubmitRequest request;
  request.idempotency_key = record.key;
  request.retries = 20;
  request.deadline = std::chrono::seconds(5);
  // Two participants or more: its outcome is then in the coordinator's log.
  auto places = plan_.participants;
  for (std::size_t i = 0; i + 1 < places.size(); ++i)
    std::swap(places[i], places[i + random_.below(places.size() - i)]);
  places.resize(std::min<std::size_t>(2, places.size()));
  std::vector<std::vector<ListName>> reads;
  for (const auto& where : places) {
    BranchRequest branch{name(where), {}, 0};
    auto& in_branch = reads.emplace_back();
    for (std::uint64_t i = 0, n = 1 + random_.below(3); i < n; ++i) {
      const auto key = static_cast<std::int64_t>(random_.below(Plan::kLists));
      if (random_.percent(50)) {
        const auto append = append_of(where, key, journal_);
        record.transaction.appends.push_back(append);
        branch.statements.push_back(append_statement(append));
        in_branch.push_back({});
      } else {
        branch.statements.push_back(statement(kRead, {key}));
        in_branch.push_back({where, key});
      }
    }
    request.branches.push_back(std::move(branch));
  }
  record.transaction.began_ns = now_ns();
  ++journal_.totals.started;
  const auto reply = client_.submit(request);
  const bool never_sent = !reply && reply.error().code == ErrorCode::kUnavailable;
  if (never_sent || (reply && (reply->refusal || reply->outcome.outcome == Outcome::kAborted))) {
    ++journal_.totals.aborted;
    if (never_sent) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (reply && !reply->refusal && reply->outcome.reason.code == AbortCode::kLockTimeout)
      ++journal_.totals.timeouts;
    return journal_.add(std::move(record));
  }
  // An answer that came by a repetition carries no rows: then the reads are not known.
  if (reply && reply->outcome.outcome == Outcome::kCommitted && !reply->outcome.replayed)
    for (std::size_t b = 0; b < reads.size(); ++b)
      for (std::size_t s = 0; s < reads[b].size(); ++s)
        if (!reads[b][s].participant.empty())
          record.transaction.reads.push_back(
              {reads[b][s], parse_list(std::get<std::string>(
                                reply->outcome.results.at(b).results.at(s).rows.at(0).at(0)))});
  if (!reply) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  settle(std::move(record), reply);
}

// Reads two balances and writes back what it computed: a lost update or a skew would show in the
// sums.
void Session::transfer() {
  auto talk = begin();
  const auto &from = participant(), &to = participant();
  const auto a = static_cast<std::int64_t>(random_.below(Plan::kAccounts));
  const auto b =
      (a + 1 + static_cast<std::int64_t>(random_.below(Plan::kAccounts - 1))) % Plan::kAccounts;
  const auto amount = static_cast<std::int64_t>(1 + random_.below(50));
  constexpr const char* kGet = "SELECT v FROM accounts WHERE id = ?1";
  constexpr const char* kPut = "UPDATE accounts SET v = ?1 WHERE id = ?2";
  const auto one = ask(talk, from, statement(kGet, {a}));
  const auto other = ask(talk, to, statement(kGet, {b}));
  if (!one || !other) return;
  if (integer(*one) < amount) return finish(std::move(talk), false);
  ask(talk, from, statement(kPut, {integer(*one) - amount, a}));
  ask(talk, to, statement(kPut, {integer(*other) + amount, b}));
  finish(std::move(talk), true);
}

// Adds a row to a group as long as the group has room: only safe if nobody can add one in between
// (no phantoms, no write skew).
void Session::claim() {
  auto talk = begin();
  const auto group = static_cast<std::int64_t>(random_.below(Plan::kGroups));
  const auto &counted = plan_.participants[0], &written = participant();
  const auto here =
      ask(talk, counted, statement("SELECT count(*) FROM claims WHERE g = ?1", {group}));
  const auto there =
      ask(talk, written, statement("SELECT count(*) FROM claims WHERE g = ?1", {group}));
  if (!here || !there) return;
  const bool full = integer(*there) >= Plan::kGroupLimit;
  ask(talk, written,
      statement(full ? "DELETE FROM claims WHERE g = ?1" : "INSERT INTO claims(g) VALUES (?1)",
                {group}));
  finish(std::move(talk), true);
}

// All balances in one read-only transaction over every participant.
void Session::audit() {
  SubmitRequest request;
  request.retries = 20;
  for (const auto& where : plan_.participants)
    request.branches.push_back({name(where), {statement("SELECT sum(v) FROM accounts")}, 0});
  ++journal_.totals.started;
  const auto reply = client_.submit(request);
  if (!reply || reply->refusal || reply->outcome.outcome != Outcome::kCommitted) {
    ++journal_.totals.aborted;
    if (!reply) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return;
  }
  ++journal_.totals.committed;
  std::int64_t sum = 0;
  for (const auto& branch : reply->outcome.results) sum += integer(branch.results.at(0));
  const auto expected =
      static_cast<std::int64_t>(plan_.participants.size()) * Plan::kAccounts * Plan::kStartBalance;
  if (sum != expected)
    journal_.anomaly(
        fmt::format("fractured read: the balances add up to {}, not {}", sum, expected));
}

}  // namespace troth::isolation
