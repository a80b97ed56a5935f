#pragma once
// The view of the history of ended transactions. Needs no engine.

#include "history/outcome_store.h"
#include "troth/views.h"

namespace troth::coordinator {

/// May take seconds. nullptr: kUnsupported.
Result<TransactionPage> list_ended(history::OutcomeStore* store, const ListRequest& request,
                                   WallTime now);

TransactionSummary summary_of(const history::EndedTransaction& ended, WallTime now);

}  // namespace troth::coordinator
