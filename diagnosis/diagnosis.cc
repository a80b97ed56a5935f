#include "diagnosis/diagnosis.h"

#include <fmt/format.h>

#include "diagnosis/node_findings.h"
#include "os/table_printer.h"

namespace troth::diagnosis {

namespace {

// Nothing else was found about the node itself. Findings about its links stay beside it.
void find_about(const NodeFacts& facts, std::vector<Finding>& out) {
  const auto before = out.size();
  find_alarms(facts, out);
  find_state(facts, out);
  find_doubts(facts, out);
  find_waits(facts, out);
  if (out.size() != before) return;
  const auto& status = facts.status;
  out.push_back({RuleId::kSound, described(status),
                 fmt::format("{}{}, v{}, up {}, {} in doubt", status.state,
                             facts.address.empty() ? "" : " at " + facts.address, status.version,
                             cli::age_text(status.up), status.in_doubt),
                 ""});
}

}  // namespace

std::vector<Finding> diagnose(const NodeFacts& facts, const Others& others) {
  std::vector<Finding> out;
  find_about(facts, out);
  find_links(facts, others, out);
  for (const auto& [name, seen] : others)
    if (seen) find_about(*seen, out);
  return merged_and_ranked(std::move(out));
}

Finding unreachable(const std::string& where, const Error& error) {
  return {RuleId::kNodeUnreachable, where, error.context,
          "start it again with the same data directory; if it refuses: troth doctor --data-dir "
          "DIR"};
}

}  // namespace troth::diagnosis
