#include "troth/client.h"

#include <troth_idl/Coordinator.h>

#include <algorithm>
#include <thread>

#include "thrift/client/client_impl.h"
#include "thrift/convert/convert_coordinator.h"
#include "thrift/convert/convert_error.h"
#include "thrift/convert/convert_lists.h"

namespace troth {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr Duration kAnswerGrace = std::chrono::seconds(4);  // longer than the server's own
constexpr Duration kFirstBackoff = std::chrono::milliseconds(50);
constexpr Duration kMaxBackoff = std::chrono::seconds(1);

TROTH_METHOD(kSubmit, Coordinator, submit, SubmitResponse);
TROTH_METHOD(kSubmitBatch, Coordinator, submitBatch, SubmitBatchResponse);
TROTH_METHOD(kAwaitOutcomes, Coordinator, awaitOutcomes, AwaitOutcomesResponse);
TROTH_METHOD(kGetOutcome, Coordinator, getOutcome, GetOutcomeResponse);
TROTH_METHOD(kGetServerInfo, Coordinator, getServerInfo, GetServerInfoResponse);

}  // namespace

v1::SubmitRequest Client::Impl::submit_to_wire(const SubmitRequest& request) const {
  v1::SubmitRequest wire;
  wire.context = context_to_wire(request);
  wire.__isset.context = true;
  if (request.client_name.empty() && !options_.client_name.empty())
    wire.context.__set_client_name(options_.client_name);
  wire.transaction = to_wire(request);  // __set_transaction would copy it
  wire.__isset.transaction = true;
  return wire;
}

Duration Client::Impl::patience(const SubmitRequest& request) const {
  return request.deadline > Duration{0} ? request.deadline + kAnswerGrace : options_.call_timeout;
}

Error Client::Impl::unknown(const Error& cause) const {
  return {ErrorCode::kTimeout,
          fmt::format("{}; the transaction may be committed or not, ask the coordinator at {}",
                      cause.context, connected_to_)};
}

Result<SubmitReply> Client::Impl::refused(const DeclaredError& declared) const {
  if (!declared.nothing_done()) return fail(unknown(declared.error));
  SubmitReply reply;
  reply.refusal = to_refusal(declared);
  return reply;
}

Status Client::Impl::begin_submit(const SubmitRequest& request) {
  TROTH_TRY(connect());
  const auto wire = submit_to_wire(request);
  v1::Coordinator_submit_pargs args;
  args.request = &wire;
  const auto sent = connection_->send_call(kSubmit.service, kSubmit.name, args, patience(request));
  if (!sent) connection_.reset();
  return sent;
}

Result<SubmitReply> Client::Impl::finish_submit() {
  if (!connection_) return fail(ErrorCode::kIllegalState, "no submit was begun");
  v1::SubmitResponse response;
  v1::Coordinator_submit_presult result;
  result.success = &response;
  if (auto received = connection_->receive(kSubmit.name, result); !received) {
    connection_.reset();
    return fail(unknown(received.error()));
  }
  if (auto declared = declared_error(result)) return refused(*declared);
  if (!result.__isset.success) return fail(ErrorCode::kTimeout, "the server gave an empty answer");
  SubmitReply reply;
  TROTH_ASSIGN_OR_RETURN(reply.outcome, from_wire(std::move(response.outcome), Where()));
  return reply;
}

Result<SubmitReply> Client::Impl::submit(const SubmitRequest& request) {
  const auto wire = submit_to_wire(request);
  const Duration patience = this->patience(request);
  const auto until =
      SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(patience);
  struct Unpin {
    std::optional<std::string>& pinned;
    ~Unpin() { pinned.reset(); }
  } const unpin{pinned_};
  std::optional<Error> doubt;  // why an earlier attempt may have been executed
  for (Duration backoff = kFirstBackoff;; backoff = std::min(backoff * 2, kMaxBackoff)) {
    const Duration left = until - SteadyClock::now();
    auto called = call(kSubmit, wire, std::max<Duration>(left, std::chrono::milliseconds(1)));
    if (!called.lost && !called.declared) {
      SubmitReply reply;
      TROTH_ASSIGN_OR_RETURN(reply.outcome, from_wire(std::move(called.response.outcome), Where()));
      return reply;
    }
    const bool refused = called.declared && called.declared->nothing_done();
    const bool retry_later = refused && called.declared->retry_after > Duration{0};
    if (refused && (!doubt || !retry_later)) return Impl::refused(*called.declared);
    const bool may_have_acted = called.sent || (called.declared && !refused);
    Error why = called.lost ? std::move(*called.lost) : std::move(called.declared->error);
    if (!may_have_acted && !doubt) return fail(std::move(why));
    if (may_have_acted) {
      doubt = why;
      pinned_ = connected_to_;
    }
    const bool time_is_up = SteadyClock::now() + backoff >= until;
    if (request.idempotency_key.empty() || time_is_up) return fail(Impl::unknown(*doubt));
    std::this_thread::sleep_for(backoff);
  }
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<SubmitReply> Client::submit(const SubmitRequest& request) {
  return impl_->submit(request);
}

Status Client::begin_submit(const SubmitRequest& request) {
  return impl_->begin_submit(request);
}

Result<SubmitReply> Client::finish_submit() {
  return impl_->finish_submit();
}

int Client::submit_fd() const {
  return impl_->connection_ ? impl_->connection_->fd() : -1;
}

Result<std::vector<SubmitReply>> Client::submit_batch(const std::vector<SubmitRequest>& requests,
                                                      Duration wait) {
  v1::SubmitBatchRequest wire;
  wire.__isset.transactions = true;
  for (const auto& request : requests) wire.transactions.push_back(to_wire(request));
  wire.__set_wait_ms(to_ms(wait));
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kSubmitBatch, std::move(wire), wait + kAnswerGrace));
  if (response.items.size() != requests.size())
    return fail(ErrorCode::kInternal, "the server answered another number of transactions");
  return list_from_wire<SubmitReply>(std::move(response.items), Where(), "items");
}

Result<std::vector<TransactionOutcome>> Client::await_outcomes(const std::vector<Gtid>& gtids,
                                                               Duration wait) {
  v1::AwaitOutcomesRequest wire;
  wire.__isset.gtids = true;
  for (const auto& gtid : gtids) wire.gtids.push_back(gtid.text());
  wire.__set_max_wait_ms(to_ms(wait));
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kAwaitOutcomes, std::move(wire), wait + kAnswerGrace));
  return list_from_wire<TransactionOutcome>(std::move(response.outcomes), Where(), "outcomes");
}

Result<TransactionOutcome> Client::get_outcome(const Gtid& gtid) {
  v1::GetOutcomeRequest wire;
  wire.__set_gtid(gtid.text());
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kGetOutcome, std::move(wire)));
  return from_wire(std::move(response.outcome), Where());
}

Result<TransactionOutcome> Client::get_outcome_by_key(const std::string& idempotency_key) {
  v1::GetOutcomeRequest wire;
  wire.__set_idempotency_key(idempotency_key);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kGetOutcome, std::move(wire)));
  return from_wire(std::move(response.outcome), Where());
}

Result<ServerInfo> Client::server_info() {
  v1::GetServerInfoRequest wire;
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kGetServerInfo, std::move(wire)));
  return from_wire(std::move(response));
}

std::string Client::connected_to() const {
  return impl_->connection_ ? impl_->connection_->endpoint().text() : std::string();
}

}  // namespace troth
