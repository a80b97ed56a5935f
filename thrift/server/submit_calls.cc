#include "thrift/server/submit_calls.h"

#include <arpa/inet.h>

#include <atomic>
#include <cstring>

#include "os/mutex.h"
#include "thrift/server/service_guard.h"

namespace troth::thrift {

namespace at = apache::thrift;

struct SubmitCalls::Mailbox final : protocol::SubmitDone::Waiter {
  explicit Mailbox(std::shared_ptr<LoopWaker> loop) : waker(std::move(loop)) {}

  void put(Answer&& answer) {
    {
      const MutexLock lock(mutex);
      answers.push_back(std::move(answer));
      if (answers.size() > 1) return;  // the loop has been woken for the first
    }
    // Many answers come together: the loop sends them while the engine goes on.
    if (under_way > kFew || !waker->run_here()) waker->wake();
  }
  void answer(std::uint64_t call, SubmitReply&& reply) override {
    put({call, false, std::move(reply)});
  }
  std::vector<Answer> take() {
    const MutexLock lock(mutex);
    return std::exchange(answers, {});
  }

  static constexpr std::size_t kFew = 2;
  const std::shared_ptr<LoopWaker> waker;
  std::atomic<std::size_t> under_way = 0;
  Mutex mutex;
  std::vector<Answer> answers TROTH_GUARDED_BY(mutex);
};

SubmitCalls::SubmitCalls(const CoordinatorAccess& access, const WireLimits& limits,
                         std::shared_ptr<LoopWaker> waker, Logger logger)
    : access_(access),
      mailbox_(std::make_shared<Mailbox>(std::move(waker))),
      logger_(std::move(logger)),
      in_(std::make_shared<FrameReader>()),
      out_(std::make_shared<at::transport::TMemoryBuffer>(16384)),
      reader_(make_protocol(in_, limits)),
      writer_(make_protocol(out_, limits)) {}

SubmitCalls::~SubmitCalls() = default;

FrameVerdict SubmitCalls::on_frame(std::uint64_t connection, const protocol::Principal& by,
                                   std::string_view frame) {
  try {
    in_->open_frame(frame);
    std::string name;
    at::protocol::TMessageType type{};
    std::int32_t seqid = 0;
    reader_->readMessageBegin(name, type, seqid);
    if (type != at::protocol::T_CALL) return FrameVerdict::kHandOver;
    if (name == "Coordinator:submit" || name == "submit") return submit(connection, by, seqid);
    if (name == "Coordinator:getServerInfo" || name == "getServerInfo")
      return server_info(connection, by, seqid);
    return FrameVerdict::kHandOver;
  } catch (const std::exception& e) {
    logger_.warn("connection closed because of a malformed request", {{"why", e.what()}});
    return FrameVerdict::kClose;
  }
}

/// A reply, with its length in front. `write` writes the result.
template <class Write>
std::string_view SubmitCalls::framed(const char* method, std::int32_t seqid, Write write) {
  constexpr std::uint32_t kLengthBytes = 4;
  constexpr std::uint8_t kNoLengthYet[kLengthBytes] = {};
  out_->resetBuffer();
  out_->write(kNoLengthYet, kLengthBytes);
  writer_->writeMessageBegin(method, at::protocol::T_REPLY, seqid);
  write();
  writer_->writeMessageEnd();
  std::uint8_t* bytes = nullptr;
  std::uint32_t size = 0;
  out_->getBuffer(&bytes, &size);
  const std::uint32_t length = htonl(size - kLengthBytes);
  std::memcpy(bytes, &length, sizeof length);
  return {reinterpret_cast<const char*>(bytes), size};
}

/// As encode(), without a place for each of the exceptions that were not thrown.
std::string_view SubmitCalls::success(std::int32_t seqid, const v1::SubmitResponse& response) {
  constexpr std::int16_t kSuccess = 0;
  return framed("submit", seqid, [&] {
    writer_->writeStructBegin("Coordinator_submit_result");
    writer_->writeFieldBegin("success", at::protocol::T_STRUCT, kSuccess);
    response.write(writer_.get());
    writer_->writeFieldEnd();
    writer_->writeFieldStop();
    writer_->writeStructEnd();
  });
}

/// Writes the result of `fill`, or the exception that it throws, as generated code would.
template <class Result, class Fill>
std::string_view SubmitCalls::encode(const char* method, std::int32_t seqid, Fill fill) {
  Result result;
  try {
    guarded(logger_, method, [&] {
      result.success = fill();
      result.__isset.success = true;
    });
  } catch (v1::InvalidArgument& e) {
    result.invalid_argument = std::move(e);
    result.__isset.invalid_argument = true;
  } catch (v1::NotFound& e) {
    result.not_found = std::move(e);
    result.__isset.not_found = true;
  } catch (v1::FailedPrecondition& e) {
    result.failed_precondition = std::move(e);
    result.__isset.failed_precondition = true;
  } catch (v1::Unavailable& e) {
    result.unavailable = std::move(e);
    result.__isset.unavailable = true;
  } catch (v1::InDoubt& e) {
    result.in_doubt = std::move(e);
    result.__isset.in_doubt = true;
  } catch (v1::Internal& e) {
    result.internal = std::move(e);
    result.__isset.internal = true;
  }
  return framed(method, seqid, [&] { result.write(writer_.get()); });
}

FrameVerdict SubmitCalls::server_info(std::uint64_t connection, const protocol::Principal& by,
                                      std::int32_t seqid) {
  v1::Coordinator_getServerInfo_args args;
  args.read(reader_.get());
  immediate_.emplace_back(connection,
                          encode<v1::Coordinator_getServerInfo_result>("getServerInfo", seqid, [&] {
                            return CoordinatorService::server_info(access_, by);
                          }));
  return FrameVerdict::kTaken;
}

FrameVerdict SubmitCalls::submit(std::uint64_t connection, const protocol::Principal& by,
                                 std::int32_t seqid) {
  const auto arrived = Clock::now();
  v1::Coordinator_submit_args args;
  args.read(reader_.get());
  const auto refused = [&](auto why) {
    immediate_.emplace_back(connection,
                            encode<v1::Coordinator_submit_result>("submit", seqid, why));
    return FrameVerdict::kTaken;
  };
  const auto id = ++last_call_;
  try {
    auto& port = CoordinatorService::port_of(access_);
    auto parsed = CoordinatorService::parse_submit(args.request);
    parsed.arrived = CoordinatorService::monotonic(arrived);
    auto& call = calls_[id];
    call.connection = connection;
    call.seqid = seqid;
    call.by = by;
    call.key = parsed.idempotency_key;
    call.deadline = deadlines_.end();
    set_deadline(id, call, arrived + CoordinatorService::patience(access_.limits, parsed));
    mailbox_->under_way = calls_.size();
    port.submit_quietly(by, std::move(parsed), {mailbox_, id});
    return FrameVerdict::kTaken;
  } catch (...) {
    if (const auto call = calls_.find(id); call != calls_.end()) {
      deadlines_.erase(call->second.deadline);
      calls_.erase(call);
    }
    return refused([]() -> v1::SubmitResponse { throw; });
  }
}

void SubmitCalls::settle() {
  if (access_.port != nullptr) access_.port->settle();
}

void SubmitCalls::set_deadline(std::uint64_t id, Call& call, Clock::time_point at) {
  if (call.deadline != deadlines_.end()) deadlines_.erase(call.deadline);
  call.deadline = deadlines_.emplace_hint(deadlines_.end(), at, id);
}

void SubmitCalls::answer_ready(FrameLoop& loop) {
  for (const auto& [connection, framed] : std::exchange(immediate_, {}))
    loop.reply(connection, framed);
  for (auto& answer : mailbox_->take()) {
    if (!answer.found) {
      finish(answer.call, loop, &answer.reply);
      continue;
    }
    SubmitReply pending;
    pending.outcome.gtid = answer.reply.outcome.gtid;
    pending.outcome.outcome = Outcome::kPending;
    finish(answer.call, loop, &pending);
  }
  const auto now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    on_deadline(deadlines_.begin()->second, loop);
}

// With a key the client at least learns which transaction it is that it waits for.
void SubmitCalls::on_deadline(std::uint64_t id, FrameLoop& loop) {
  auto& call = calls_.at(id);
  if (call.key.empty() || call.asked_by_key) return finish(id, loop, nullptr);
  call.asked_by_key = true;
  set_deadline(id, call, Clock::now() + kLookUpWait);
  try {
    access_.port->get_outcome_by_key(call.by, call.key,
                                     [mailbox = mailbox_, id](Result<TransactionOutcome> outcome) {
                                       SubmitReply reply;
                                       if (outcome) reply.outcome = std::move(*outcome);
                                       mailbox->put({id, true, std::move(reply)});
                                     });
  } catch (const std::exception&) {
    finish(id, loop, nullptr);
  }
}

void SubmitCalls::finish(std::uint64_t id, FrameLoop& loop, SubmitReply* reply) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // it has waited too long
  const auto connection = found->second.connection;
  const auto seqid = found->second.seqid;
  deadlines_.erase(found->second.deadline);
  calls_.erase(found);
  mailbox_->under_way = calls_.size();
  const bool known =
      reply != nullptr && (reply->refusal || reply->outcome.outcome != Outcome::kPending);
  try {
    if (known && !reply->refusal)
      return loop.reply(connection,
                        success(seqid, CoordinatorService::answer_of(std::move(*reply))));
    loop.reply(connection, encode<v1::Coordinator_submit_result>("submit", seqid, [&] {
                 if (known) return CoordinatorService::answer_of(std::move(*reply));
                 CoordinatorService::throw_pending(reply != nullptr ? reply->outcome.gtid : Gtid());
               }));
  } catch (const std::exception& e) {  // out of memory
    logger_.error("an answer could not be written", {{"why", e.what()}});
    loop.drop(connection);
  }
}

std::optional<FrameHandler::Clock::time_point> SubmitCalls::next_wake() const {
  if (!immediate_.empty()) return Clock::time_point{};
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void SubmitCalls::give_up(FrameLoop& loop) {
  answer_ready(loop);
  while (!calls_.empty()) finish(calls_.begin()->first, loop, nullptr);
}

}  // namespace troth::thrift
