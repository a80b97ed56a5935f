// troth doctor: every finding names its cause, whether data is at risk, and what to type next.
#include <fmt/format.h>

#include <optional>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor_facts.h"
#include "cli/findings_view.h"
#include "cli/render.h"
#include "json/findings_json.h"

namespace troth::cli {

using diagnosis::Finding;

namespace {

std::vector<Finding> look_at_daemon(const Arguments& arguments) {
  auto client = client_for(arguments);
  const auto facts = facts_of(client, "");
  if (facts) return diagnosis::diagnose(*facts, others_of(arguments, facts->status));
  std::string where;
  for (const auto& endpoint : arguments.endpoints) where += (where.empty() ? "" : ", ") + endpoint;
  return {diagnosis::unreachable(where, facts.error())};
}

}  // namespace

int doctor(const Arguments& arguments, const Words& words) {
  std::vector<Finding> findings;
  if (words.empty()) findings = look_at_daemon(arguments);
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (words[i] != "--data-dir" || i + 1 >= words.size())
      return report(arguments, fmt::format("unknown word {}", words[i]),
                    "troth doctor [--data-dir DIR [--database FILE]]", kUsage);
    std::optional<std::string> database;
    const auto dir = words[i + 1];
    if (i + 3 < words.size() && words[i + 2] == "--database") {
      database = words[i + 3];
      i += 2;
    }
    for (auto& finding : findings_in(dir, database)) findings.push_back(std::move(finding));
  }
  const auto view = http::findings_view(findings);
  if (arguments.output == Output::kTable) {
    show_text(describe(arguments, findings));
  } else if (arguments.output == Output::kJsonl) {
    for (const auto& row : view["findings"]) print_json(arguments, "troth.doctor.finding/1", row);
  } else {
    print_view(arguments, view);
  }
  return any_failure(findings) ? kProblem : kOk;
}

}  // namespace troth::cli
