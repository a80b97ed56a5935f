#pragma once
// What operators may do beyond looking, and the trail they leave.

#include <cstdint>
#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/outcome.h"
#include "troth/time.h"

namespace troth {

/// Who asks and why; both are stored with the action.
struct Operator {
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

/// "That participant will never come back: do not wait for it any more." Of what was decided COMMIT
/// and not confirmed by it; no decision changes.
struct LostRequest {
  NodeName participant;
  bool forget = false;  ///< the second half: what it owed has been repaired, show it no longer
  Operator by;
  std::string confirm;  ///< the participant's name, typed; not with dry_run
  bool dry_run = false;
};
struct LostReply {
  bool applied = false;            ///< false: this was a dry run
  std::int64_t transactions = 0;   ///< how many it is about
  std::vector<std::string> lines;  ///< what was, or would be, done and what follows from it
};

struct ResolveReply {
  Gtid gtid;
  bool applied = false;            ///< false: this was a dry run
  std::string revision;            ///< of the state as it is now
  std::vector<std::string> lines;  ///< what was, or would be, done and what follows from it
};

/// One line of the audit trail.
struct AuditEntry {
  WallTime when;
  std::string action;   ///< retry, resolve_commit, resolve_abort, forget, drain, resume, lost,
                        ///< lost_forget, truth
  std::string result;   ///< ok, refused, confirmed or mixed
  std::string subject;  ///< a gtid or a participant's name; "" = everything
  Operator by;
};

}  // namespace troth
