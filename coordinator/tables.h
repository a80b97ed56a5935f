#pragma once
// The tables of the coordinator's engine about transactions, by gtid or key.

#include "coordinator/ages.h"
#include "coordinator/ended_book.h"
#include "coordinator/ended_everywhere.h"
#include "coordinator/idempotency_keys.h"
#include "coordinator/known_outcomes.h"
#include "coordinator/transaction_table.h"

namespace troth::coordinator {

/// Owned by the engine, outlives the parts that change it and is touched by the engine's thread
/// alone.
struct Tables {
  explicit Tables(const EngineOptions& options)
      : outcomes(options), keys(options), history(options) {}

  TransactionTable live;
  KnownOutcomes outcomes;
  IdempotencyKeys keys;
  EndedBook history;
  EndedEverywhere ended;
  Ages ages;
};

}  // namespace troth::coordinator
