#pragma once
// What an engine tells people: its counters, its alarms and its log lines. Every part of an engine
// holds a reference to the same one.

#include <string>
#include <utility>

#include "base/counters.h"
#include "engine/alarms.h"
#include "engine/log_limit.h"
#include "os/logging.h"

namespace troth {

/// Owned by an engine and touched by its thread alone.
class Reports {
 public:
  explicit Reports(Logger logger, Counters counters = {})
      : counters_(std::move(counters)), logger_(std::move(logger)) {}

  /// `name` is a string literal.
  void count(const char* name, std::uint64_t n = 1) { counters_.add(name, n); }
  /// Logged once, shown until its cause has ended.
  void alarm(const std::string& what, const Gtid& about,
             Alarms::Until until = Alarms::Until::kRestart, const NodeName& from = {},
             Alarms::Rank rank = Alarms::Rank::kOwn) {
    count("alarms");
    if (alarms_.raise(what, until, about, from, rank))
      logger_.error("alarm", {{"txn", about}, {"what", Alarms::shortened(what)}});
  }
  void end_alarm(const Gtid& about, const NodeName& from = {}) {
    if (alarms_.end(about, from)) logger_.info("the cause of an alarm has ended", {{"txn", about}});
  }

  /// A peer sent what was refused or dropped. `kind`: one of few; `detail`: about this one.
  void refused(const char* msg, const NodeName& peer, std::string_view kind,
               const std::string& detail, MonotonicTime now) {
    if (const auto times = refusals_.note(peer, kind, now))
      logger_.warn(msg, {{"peer", peer}, {"kind", kind}, {"reason", detail}, {"times", *times}});
  }

  Logger& log() { return logger_; }
  const Counters& counters() const { return counters_; }
  const Alarms& alarms() const { return alarms_; }

 private:
  Counters counters_;
  Alarms alarms_;
  LogLimit refusals_;
  Logger logger_;
};

}  // namespace troth
