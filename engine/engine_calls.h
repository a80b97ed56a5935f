#pragma once
// What other threads ask of an engine. Every call runs on the engine's thread; the caller waits for it
// at most `limit`. Owns nothing: the loop must outlive it. Thread-safe.

#include <fmt/format.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "engine/engine_loop.h"

namespace troth {

template <class Engine>
class EngineCalls {
 public:
  static constexpr Duration kLimit = std::chrono::seconds(5);
  template <class T>
  using Done = std::function<void(Result<T>)>;

  /// `who` stands in refusals: "the coordinator".
  EngineCalls(EngineLoop<Engine>& loop, std::string who) : loop_(loop), who_(std::move(who)) {}

  /// kBusy: the engine did not come to it within the limit.
  template <class T>
  Result<T> ask(std::function<Result<T>(Engine&, Now)> question) {
    auto answer = loop_.template call<Result<T>>(std::move(question), kLimit);
    if (!answer) return fail(ErrorCode::kBusy, fmt::format("{} is too busy to answer", who_));
    return std::move(*answer);
  }

  /// For what the engine answers later. kBusy: it never began. kTimeout: whether it happens is not
  /// known, and `late` says so.
  template <class T>
  Result<T> wait(std::function<void(Engine&, Done<T>, Now)> action, Duration limit = kLimit,
                 const Error& late = {ErrorCode::kTimeout,
                                      "not durable yet: look at it again before you repeat it"}) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    const bool posted = loop_.post([action = std::move(action), promise](Engine& e, Now now) {
      action(
          e, [promise](Result<T> result) { promise->set_value(std::move(result)); }, now);
    });
    if (!posted) return fail(ErrorCode::kBusy, full());
    if (future.wait_for(limit) != std::future_status::ready) return fail(late);
    return future.get();
  }

  /// Returns when the engine has done it, or after `limit`; then it happens later.
  void perform(std::function<void(Engine&, Now)> action, Duration limit = kLimit) {
    static_cast<void>(loop_.template call<bool>(
        [action = std::move(action)](Engine& e, Now now) {
          action(e, now);
          return true;
        },
        limit));
  }

  std::string full() const { return fmt::format("{}'s inbox is full", who_); }

 private:
  EngineLoop<Engine>& loop_;
  const std::string who_;
};

}  // namespace troth
