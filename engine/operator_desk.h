#pragma once
// What operators do on a node: kept in its log, counted, and confirmed when no crash can take it
// back.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "engine/reports.h"
#include "recovery/operator_book.h"

namespace troth {

/// Owns the operators' records and the callers that wait for them. Invariant: an operator hears
/// that something was done only when it is durable. Owned by an engine and touched by its thread
/// alone.
class OperatorDesk {
 public:
  OperatorDesk(protocol::DurableLog& log, Reports& reports) : reports_(reports), book_(log) {}

  void adopt(recovery::OperatorTables tables) { book_.adopt(std::move(tables)); }
  recovery::OperatorBook& book() { return book_; }
  const recovery::OperatorBook& book() const { return book_; }

  /// Returns the LSN of the record.
  Lsn audit(const std::string& action, const std::string& subject, const std::string& result,
            const Operator& by, Now now) {
    ++actions_[{action, result}];
    reports_.log().info("operator", {{"action", action},
                                     {"subject", subject},
                                     {"result", result},
                                     {"by", by.name},
                                     {"reason", by.reason}});
    return book_.note({now.wall, action, result, subject, by});
  }
  /// By action and result.
  const std::map<std::pair<std::string, std::string>, std::uint64_t>& actions() const {
    return actions_;
  }

  void when_durable(Lsn until, std::function<void()> tell) {
    waiting_.emplace(until, std::move(tell));
  }
  void on_durable(Lsn durable) {
    while (!waiting_.empty() && waiting_.begin()->first <= durable) {
      const auto tell = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      tell();
    }
  }

 private:
  Reports& reports_;
  recovery::OperatorBook book_;
  std::multimap<Lsn, std::function<void()>> waiting_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> actions_;
};

}  // namespace troth
