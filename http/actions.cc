#include "http/actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "json/admin_json.h"
#include "json/transaction_input.h"

namespace troth::http {

using namespace protocol;

namespace {

constexpr const char* kNoSuchAction = "nothing can be changed at this path; / lists what can";

struct Asked {
  Operator by;
  std::string decision, revision, confirm;
  bool dry_run = false, forget = false;
};

using Names = std::initializer_list<std::string_view>;

/// `known` of operator and reason, decision, dry_run, forget, revision, confirm; anything else is
/// refused.
Result<Asked> parse(const std::string& body, Names known, const Origin& from) {
  TROTH_ASSIGN_OR_RETURN(const auto item, parse_object(body, "body"));
  Asked out;
  const std::pair<std::string_view, std::string*> texts[] = {{"operator", &out.by.name},
                                                             {"reason", &out.by.reason},
                                                             {"decision", &out.decision},
                                                             {"revision", &out.revision},
                                                             {"confirm", &out.confirm}};
  for (const auto& [key, value] : item.items()) {
    const auto text = std::find_if(std::begin(texts), std::end(texts),
                                   [name = key](const auto& row) { return row.first == name; });
    const bool expected = std::find(known.begin(), known.end(), key) != known.end();
    if (expected && (key == "dry_run" || key == "forget") && value.is_boolean()) {
      (key == "dry_run" ? out.dry_run : out.forget) = value.template get<bool>();
    } else if (expected && text != std::end(texts) && value.is_string()) {
      *text->second = value.template get<std::string>();
    } else {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("body.{} is not known or has the wrong type ({})", key,
                              fmt::join(known, ", ")));
    }
  }
  out.by.name = fmt::format("{}{}over HTTP from {}", out.by.name, out.by.name.empty() ? "" : ", ",
                            from.address);
  return out;
}

Reply retry(access::GuardedAdmin& port, const std::string& id, const std::string& body,
            const Origin& from) {
  const auto asked = parse(body, {"operator", "reason"}, from);
  if (!asked) return problem(asked.error());
  const auto retried = port.retry_transactions(from.principal, id, asked->by);
  return retried ? json(retry_view(*retried)) : problem(retried.error());
}

Reply resolve(access::GuardedAdmin& port, const std::string& id, const std::string& body,
              const Origin& from) {
  const auto asked =
      parse(body, {"operator", "reason", "decision", "dry_run", "revision", "confirm"}, from);
  if (!asked) return problem(asked.error());
  // Never a default.
  if (asked->decision != "commit" && asked->decision != "abort")
    return problem({ErrorCode::kInvalidArgument, "body.decision must be commit or abort"});
  const auto decision = asked->decision == "commit" ? Decision::kCommit : Decision::kAbort;
  const auto done = port.resolve(
      from.principal, {id, decision, asked->by, asked->revision, asked->confirm, asked->dry_run});
  return done ? json(resolve_view(*done)) : problem(done.error());
}

Reply forget(access::GuardedAdmin& port, const std::string& id, const std::string& body,
             const Origin& from) {
  const auto asked = parse(body, {"operator", "reason", "dry_run", "confirm"}, from);
  if (!asked) return problem(asked.error());
  const auto done = port.forget(from.principal, {id, asked->by, asked->confirm, asked->dry_run});
  return done ? json(resolve_view(*done)) : problem(done.error());
}

Reply lost(access::GuardedAdmin& port, const std::string& participant, const std::string& body,
           const Origin& from) {
  const auto asked = parse(body, {"operator", "reason", "dry_run", "forget", "confirm"}, from);
  if (!asked) return problem(asked.error());
  const auto name = NodeName::parse(participant);
  if (!name) return problem(name.error());
  const auto done = port.declare_lost(
      from.principal, {*name, asked->forget, asked->by, asked->confirm, asked->dry_run});
  return done ? json(lost_view(participant, *done)) : problem(done.error());
}

Reply drain(access::GuardedAdmin& port, const std::string& participant, bool drain,
            const std::string& body, const Origin& from) {
  const auto asked = parse(body, {"operator", "reason"}, from);
  if (!asked) return problem(asked.error());
  const auto name = NodeName::parse(participant);
  if (!name) return problem(name.error());
  const auto done = port.drain_participant(from.principal, *name, drain, asked->by);
  return done ? json(drain_view(participant, drain)) : problem(done.error());
}

}  // namespace

Reply act(access::GuardedAdmin& port, const std::string& view, const std::string& body,
          const Origin& from) {
  if (view == "transactions/retry") return retry(port, "", body, from);
  const auto first = view.find('/');
  const auto last = view.rfind('/');
  if (first == std::string::npos || last <= first + 1)
    return problem({ErrorCode::kNotFound, kNoSuchAction});
  const auto collection = view.substr(0, first);
  const auto subject = view.substr(first + 1, last - first - 1);
  const auto verb = view.substr(last + 1);
  if (collection == "transactions") {
    if (verb == "retry") return retry(port, subject, body, from);
    if (verb == "resolve") return resolve(port, subject, body, from);
    if (verb == "forget") return forget(port, subject, body, from);
  }
  if (collection == "participants" && verb == "lost") return lost(port, subject, body, from);
  if (collection == "participants" && (verb == "drain" || verb == "resume"))
    return drain(port, subject, verb == "drain", body, from);
  return problem({ErrorCode::kNotFound, kNoSuchAction});
}

}  // namespace troth::http
