#include "cli/findings_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/utc.h"
#include "cli/render.h"

namespace troth::cli {

using diagnosis::Finding;
using diagnosis::Level;

namespace {

std::string since_text(WallTime since) {
  const WallTime now{std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count()};
  return fmt::format("{}, {} ago", utc_text(since.unix_ms),
                     age_text(std::max(Duration{0}, now - since)));
}

}  // namespace

std::string describe(const Arguments& arguments, const std::vector<Finding>& findings) {
  std::string out;
  const auto line = [&](const char* name, const std::string& text) {
    if (!text.empty()) out += fmt::format("      {:<8}{}\n", name, printable(text));
  };
  for (const auto& finding : findings) {
    const auto level = finding.row().level;
    const auto word = fmt::format("{:<4}", to_string(level));
    out += fmt::format("{}  {}: {}\n", level == Level::kFail ? warn_color(arguments, word) : word,
                       printable(finding.subject), printable(finding.cause));
    if (level == Level::kOk) continue;
    if (finding.since) line("since:", since_text(*finding.since));
    line("blocks:", finding.blocks);
    line("risk:", finding.risk());
    line("next:", finding.next);
    line("page:", fmt::format("docs/runbooks/{}.md", finding.page()));
  }
  return out;
}

bool any_failure(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.row().level == Level::kFail; });
}

}  // namespace troth::cli
