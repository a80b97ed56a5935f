#include "coordinator/engine.h"

#include "engine/witnesses.h"

namespace troth::coordinator {

using namespace protocol;

Engine::Engine(EngineOptions options, RecordLog& log, Transport& transport, Logger logger)
    : core_(std::move(options), log, transport, std::move(logger)),
      tables_(core_.options),
      desk_(core_.log, core_.reports),
      transactions_(core_, tables_, core_.peers),
      admission_(core_, desk_.book()),
      conversations_(core_, {admission_, tables_.live, transactions_, tables_.outcomes,
                             tables_.history, tables_.ages}),
      applied_(core_),
      submissions_(
          core_, {admission_, tables_.live, transactions_, tables_.keys, conversations_, applied_}),
      searches_(core_, tables_.outcomes, tables_.history, desk_.book()),
      recalls_(core_),
      inquiries_(core_, {tables_.live, conversations_, tables_.outcomes, tables_.keys,
                         tables_.history, searches_, recalls_, desk_.book()}),
      retention_(core_, {tables_, conversations_, inquiries_, desk_.book()}),
      lost_(core_, tables_.live, tables_.outcomes, transactions_, desk_),
      views_(core_, {tables_.live, conversations_, tables_.outcomes, desk_, lost_, core_.peers,
                     tables_.keys, tables_.history}),
      peers_(core_, {tables_, transactions_, conversations_, applied_, searches_, recalls_,
                     inquiries_, lost_, desk_}),
      rounds_(core_, {tables_, transactions_, conversations_, applied_, searches_, recalls_,
                      inquiries_, retention_, desk_, on_fatal}),
      operators_(core_, {tables_.live, transactions_, lost_, views_, desk_}) {
  for (const auto& [name, address] : core_.options.participants)
    core_.peers.configure(name, address, Role::kParticipant);
  // A counter that is not there yet cannot be watched; the usual ones first.
  for (const char* name :
       {"messages_sent", "forced_writes", "submitted", "committed", "aborted", "answered_in_doubt",
        "replayed", "refused", "refused_busy", "presumed_aborts", "stale_refused", "hello_refused",
        "alarms", "amnesia_alarms", "checkpoints"})
    core_.reports.count(name, 0);
}

void Engine::adopt(recovery::CoordinatorTables tables, Now now) {
  views_.started(now.monotonic);
  core_.vouchers.begin(now.monotonic);
  core_.own.adopt(tables.adopted);
  tables_.outcomes.adopt(tables.horizon);
  tables_.history.adopt(tables, now);
  rounds_.adopt(tables.first_record);
  peers_.adopt(tables, now);
  desk_.adopt(std::move(tables.operators));
  Witnesses(desk_, core_.reports).adopt();
  for (const auto& [gtid, known] : tables.outcomes) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = known.outcome;
    outcome.reason = known.reason;
    tables_.outcomes.remember(outcome, nullptr, now.monotonic);
  }
  tables_.keys.adopt(std::move(tables.keys), core_.log.appended(), now);
  for (const auto& [earlier, last] : tables.last_attempts) {
    if (!tables_.outcomes.find(earlier))
      tables_.outcomes.remember(lost_a_conflict(earlier), nullptr, now.monotonic);
    tables_.outcomes.follow(earlier, last);
  }
  for (const auto& [gtid, record] : tables.unended)
    transactions_.adopt(record, tables.rows[gtid], now);
  for (const auto& [gtid, undecided] : tables.undecided) {
    if (gtid.epoch() < tables.adopted.below) {
      inquiries_.adopt(undecided);
    } else {
      transactions_.adopt(undecided, tables.rows[gtid], now);
    }
  }
  lost_.give_up_again(now);
}

void Engine::measured_recovery(Duration took) {
  core_.meters.recovery_seconds = std::chrono::duration<double>(took).count();
  core_.meters.recovered["recommitted"] = tables_.live.size();
}

void Engine::reload(const Reload& settings) {
  core_.options.prepare_timeout = settings.prepare_timeout;
  core_.options.max_in_flight = settings.max_in_flight;
  for (const auto& [name, address] : core_.options.participants)
    if (settings.participants.count(name) == 0) core_.unnamed.insert(name);
  for (const auto& [name, address] : settings.participants) {
    core_.unnamed.erase(name);
    core_.forgotten.erase(name);
    core_.options.participants[name] = address;
    core_.peers.configure(name, address, Role::kParticipant);
  }
}

void Engine::cancel_undecided(Now now) {
  conversations_.abort_all({AbortCode::kDraining, "the coordinator is shutting down", {}, -1}, now);
  transactions_.cancel_undecided(now);
  applied_.end_all();
}

}  // namespace troth::coordinator
