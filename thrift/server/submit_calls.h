#pragma once
// The calls that the event loop answers itself: single submits, which wait for an outcome without a
// thread, and questions about the server. Every other call needs a thread. Internal to the server.

#include <thrift/transport/TBufferTransports.h>
#include <troth_idl/Coordinator.h>

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "thrift/server/coordinator_service.h"
#include "thrift/wire/frame_loop.h"
#include "thrift/wire/wire.h"

namespace troth::thrift {

/// The loop's thread only.
class SubmitCalls {
 public:
  /// `access` outlives this.
  SubmitCalls(const CoordinatorAccess& access, const WireLimits& limits,
              std::shared_ptr<LoopWaker> waker, Logger logger);
  ~SubmitCalls();

  FrameVerdict on_frame(std::uint64_t connection, const protocol::Principal& by,
                        std::string_view frame);
  /// Passes the requests since the last call to the engine.
  void settle();
  /// Answers the calls whose reply has come from the engine, and those that have waited too long.
  void answer_ready(FrameLoop& loop);
  std::optional<FrameHandler::Clock::time_point> next_wake() const;
  /// Answers all waiting calls with "not known".
  void give_up(FrameLoop& loop);

 private:
  using Clock = FrameHandler::Clock;
  /// How answers come back from the engine's thread. Outlives this: an answer may come late.
  struct Mailbox;
  struct Answer {
    std::uint64_t call = 0;
    bool found = false;  ///< the answer to a question by key, not an outcome
    SubmitReply reply;
  };
  struct Call {
    std::uint64_t connection = 0;
    std::int32_t seqid = 0;
    protocol::Principal by;
    std::string key;
    bool asked_by_key = false;
    std::multimap<Clock::time_point, std::uint64_t>::iterator deadline;
  };

  FrameVerdict submit(std::uint64_t connection, const protocol::Principal& by, std::int32_t seqid);
  FrameVerdict server_info(std::uint64_t connection, const protocol::Principal& by,
                           std::int32_t seqid);
  void on_deadline(std::uint64_t id, FrameLoop& loop);
  void set_deadline(std::uint64_t id, Call& call, Clock::time_point at);
  void finish(std::uint64_t id, FrameLoop& loop, SubmitReply* reply);
  template <class Result, class Fill>
  std::string_view encode(const char* method, std::int32_t seqid, Fill fill);
  template <class Write>
  std::string_view framed(const char* method, std::int32_t seqid, Write write);
  std::string_view success(std::int32_t seqid, const v1::SubmitResponse& response);

  const CoordinatorAccess& access_;
  const std::shared_ptr<Mailbox> mailbox_;
  const Logger logger_;
  std::shared_ptr<FrameReader> in_;
  std::shared_ptr<apache::thrift::transport::TMemoryBuffer> out_;
  std::shared_ptr<WireProtocol> reader_, writer_;
  std::uint64_t last_call_ = 0;
  std::unordered_map<std::uint64_t, Call> calls_;
  std::multimap<Clock::time_point, std::uint64_t> deadlines_;
  std::vector<std::pair<std::uint64_t, std::string>> immediate_;  ///< connection, framed answer
};

}  // namespace troth::thrift
