#pragma once
// The requests of operators that change something, and the audit trail of these requests.

#include <cstdint>
#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/outcome.h"
#include "troth/time.h"

namespace troth {

/// The operator's name and reason. Both are stored with the action.
struct Operator {
  static constexpr std::size_t kMostNameBytes = 256;
  static constexpr std::size_t kMostReasonBytes = 1024;
  std::string name;
  std::string reason;
};

/// One decision taken by hand instead of by the coordinator.
struct ResolveRequest {
  std::string id;  ///< a gtid or a unique part of one
  Decision decision = Decision::kAbort;
  Operator by;
  std::string revision;  ///< of the state the operator saw; "" only with dry_run
  std::string confirm;   ///< the last six characters of the gtid, typed; not with dry_run
  bool dry_run = false;
};

/// "I know of this heuristic outcome and have repaired what it broke."
struct ForgetRequest {
  std::string id;
  Operator by;
  std::string confirm;  ///< as above
  bool dry_run = false;
};

/// "That participant will never come back: do not wait for it any more." It ends the delivery of
/// COMMIT decisions that the participant has not confirmed. No decision changes.
struct LostRequest {
  NodeName participant;
  bool forget = false;  ///< afterwards: its missing changes were repaired, stop showing them
  Operator by;
  std::string confirm;  ///< the participant's name, typed; not with dry_run
  bool dry_run = false;
};
struct LostReply {
  bool applied = false;            ///< false: this was a dry run
  std::int64_t transactions = 0;   ///< number of transactions concerned
  std::vector<std::string> lines;  ///< each action that was, or would be, done
};

/// "That peer will never come back, and owes nothing and is owed nothing": the node no longer shows
/// or expects it, and its name is free for a new log.
struct ForgetPeerRequest {
  NodeName peer;
  Operator by;
  std::string confirm;  ///< the peer's name, typed; not with dry_run
  bool dry_run = false;
};
struct ForgetPeerReply {
  bool applied = false;            ///< false: this was a dry run
  std::vector<std::string> lines;  ///< what was, or would be, done and what follows from it
};

struct ResolveReply {
  Gtid gtid;
  bool applied = false;            ///< false: this was a dry run
  std::string revision;            ///< of the state as it is now
  std::vector<std::string> lines;  ///< each action that was, or would be, done
};

/// One line of the audit trail.
struct AuditEntry {
  WallTime when;
  std::string action;   ///< retry, resolve_commit, resolve_abort, forget, drain, resume, lost,
                        ///< lost_forget, peer_forget, truth, amnesia
  std::string result;   ///< ok, refused, confirmed, mixed, witnessed or disproved
  std::string subject;  ///< a gtid or a participant's name; "" = everything
  Operator by;
};

}  // namespace troth
