#include "json/findings_json.h"

#include <string>

namespace troth::http {

nlohmann::ordered_json findings_view(const std::vector<diagnosis::Finding>& findings) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& finding : findings) {
    const auto page = finding.page();
    rows.push_back({{"level", std::string(to_string(finding.row().level))},
                    {"rule", finding.row().name},
                    {"subject", finding.subject},
                    {"cause", finding.cause},
                    {"since_unix_ms", finding.since ? finding.since->unix_ms : 0},
                    {"blocks", finding.blocks},
                    {"data_at_risk", std::string(to_string(finding.row().at_risk))},
                    {"risk", finding.risk()},
                    {"next", finding.next},
                    {"page", page.empty() ? "" : "docs/runbooks/" + page + ".md"}});
  }
  return {{"schema", "troth.doctor/1"}, {"findings", std::move(rows)}};
}

}  // namespace troth::http
