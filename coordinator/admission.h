#pragma once
// What this node refuses to begin: requests that are wrong, and any while it has no room.

#include <optional>
#include <vector>

#include "coordinator/core.h"
#include "recovery/operator_book.h"

namespace troth::coordinator {

/// Owns nothing: it looks. Touched by the engine's thread alone.
class Admission {
 public:
  Admission(const Core& core, const recovery::OperatorBook& book) : core_(core), book_(book) {}

  std::optional<Refusal> validate(const SubmitRequest& request) const;
  std::optional<Refusal> validate(const BeginRequest& request) const;
  /// A branch that a transaction has not touched yet.
  std::optional<Refusal> refuse_new_branch(const NodeName& participant) const;
  std::optional<Refusal> refuse_unknown(const NodeName& participant) const;
  static std::optional<Refusal> refuse_length(const NodeName& participant,
                                              const std::vector<Statement>& statements);
  /// `waiting`: transactions whose client has no answer yet. `in_flight`: those, and answered ones
  /// with work left.
  std::optional<Refusal> admit(std::size_t waiting, std::size_t in_flight) const;
  /// This node says nothing any more.
  std::optional<Refusal> refuse_if_stopped() const;

 private:
  const Core& core_;
  const recovery::OperatorBook& book_;
};

/// A refusal that says nothing of when to come again.
Refusal refusal(ErrorCode code, std::string what, AbortCode abort = AbortCode::kNone);

}  // namespace troth::coordinator
