// A coordinator never decides by hand, because its log decides. These are its answers to operators
// who ask.
#include <fmt/format.h>

#include "coordinator/status_views.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name.text();
  return out.empty() ? "its own log" : out;
}

}  // namespace

tl::unexpected<Error> StatusViews::why_not(const std::string& id, Now now) const {
  const auto detail = show(id, now);
  if (!detail) return fail(detail.error());
  const auto& summary = detail->summary;
  if (summary.state == "committing")
    return refused(fmt::format(
        "COMMIT is in the log and {} of {} participants have confirmed it; aborting it at "
        "{} would leave it committed elsewhere (mixed outcome): troth txn retry {}",
        detail->branches.size() - summary.waiting_for.size(), detail->branches.size(),
        joined(summary.waiting_for), summary.gtid));
  if (summary.state == "precommitting")
    return refused(fmt::format(
        "every participant voted yes, and a majority of its members decides it: this node is one "
        "of them and waits for {}: troth txn retry {}",
        joined(summary.waiting_for), summary.gtid));
  if (summary.state == "committed" || summary.state == "aborted")
    return refused(fmt::format("it is {}: there is nothing to decide", summary.state));
  if (summary.state == "heuristic_hazard")
    return refused(
        fmt::format("it is committed, only {} never confirmed it: there is nothing to "
                    "decide",
                    joined(summary.waiting_for)));
  if (summary.state == "uncertain" || summary.protocol == "one_phase")
    return refused(fmt::format("only {} knows the outcome: troth txn retry {}",
                               joined(summary.waiting_for), summary.gtid));
  return refused(fmt::format("it is {} and decides by itself within its deadline; it waits for {}",
                             summary.state, joined(summary.waiting_for)));
}

}  // namespace troth::coordinator
