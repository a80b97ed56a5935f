#pragma once
// Submissions of clients: refused, answered from known outcomes, joined to the same request in
// flight, or started.

#include <cstddef>
#include <string>

#include "coordinator/admission.h"
#include "coordinator/applied_questions.h"
#include "coordinator/conversations.h"
#include "coordinator/transactions.h"

namespace troth::coordinator {

/// Invariant: two requests with one idempotency key are one transaction. Owned by the engine and
/// touched by its thread alone.
class Submissions {
 public:
  struct Parts {
    const Admission& admission;
    TransactionTable& table;
    Transactions& transactions;
    IdempotencyKeys& keys;
    const Conversations& conversations;
    AppliedQuestions& applied;
  };
  Submissions(Core& core, Parts parts) : core_(core), parts_(parts) {}

  void submit(SubmitRequest&& request, protocol::SubmitDone&& done, Now now);

 private:
  bool answered_by_key(const SubmitRequest& request, const std::string& digest,
                       protocol::SubmitDone& done, Now now);
  bool join(const std::string& key, const IdempotencyKeys::InFlight& flying,
            protocol::SubmitDone& done, Now now);
  std::optional<Refusal> refuse_key();
  void refuse(Refusal&& refusal, const protocol::SubmitDone& done);

  Core& core_;
  const Parts parts_;
};

}  // namespace troth::coordinator
