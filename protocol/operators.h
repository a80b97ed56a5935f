#pragma once
// What operators may do beyond looking (protocol.md section 8), and the trail they leave.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "protocol/outcome.h"

namespace troth::protocol {

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

/// How a guard says no: kIllegalState "refused: ...".
tl::unexpected<Error> refused(const std::string& why);
/// What an operator may call a transaction: its gtid, or a start or end of it of 6 or more
/// characters.
bool names(const std::string& id, const Gtid& gtid);
/// A reason was given and `confirm` is `name`; kInvalidArgument otherwise.
Status check_typed(const Operator& by, const std::string& confirm, const NodeName& name);
/// Likewise with the end of the gtid.
Status check_typed(const Operator& by, const std::string& confirm, const Gtid& gtid);

}  // namespace troth::protocol
