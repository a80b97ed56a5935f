#include "diagnosis/finding.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::diagnosis {

namespace {

/// `cause` is the reason for what `effect` says about the same node.
bool explains(RuleId cause, RuleId effect) {
  switch (effect) {
    case RuleId::kParticipantDown:
    case RuleId::kCoordinatorDown:
    case RuleId::kMemberDown:
    case RuleId::kPeerSilent:
    case RuleId::kPeerDisputes:
      return cause == RuleId::kPeerLostMemory || cause == RuleId::kPeerQuarantined;
    case RuleId::kPeerQuarantined:
      return cause == RuleId::kPeerLostMemory;
    default:
      return false;
  }
}

bool same(const Finding& a, const Finding& b) {
  return a.rule == b.rule && !a.about.empty() && a.about == b.about;
}

void add_word(std::string& list, const std::string& word) {
  if (word.empty() || list.find(word) != std::string::npos) return;
  list += (list.empty() ? "" : ", ") + word;
}

void merge_into(Finding& kept, const Finding& other) {
  add_word(kept.subject, other.subject);
  add_word(kept.blocks, other.blocks);
  if (!kept.since || (other.since && *other.since < *kept.since)) kept.since = other.since;
}

}  // namespace

std::string Finding::risk() const {
  const std::string_view why = row().risk;
  const std::string_view word = row().at_risk == DataAtRisk::kYes        ? "YES"
                                : row().at_risk == DataAtRisk::kPossible ? "possible"
                                                                         : "none";
  return why.empty() ? std::string(word) : fmt::format("{}: {}", word, why);
}

std::vector<Finding> merged_and_ranked(std::vector<Finding> findings) {
  std::vector<Finding> out;
  for (auto& finding : findings) {
    const auto known = std::find_if(out.begin(), out.end(),
                                    [&](const Finding& other) { return same(other, finding); });
    if (known != out.end()) {
      merge_into(*known, finding);
    } else {
      out.push_back(std::move(finding));
    }
  }
  const auto all = out;
  for (auto& cause : out)
    for (const auto& effect : all)
      if (effect.about == cause.about && explains(cause.rule, effect.rule))
        merge_into(cause, effect);
  std::erase_if(out, [&](const Finding& effect) {
    return std::any_of(all.begin(), all.end(), [&](const Finding& cause) {
      return cause.about == effect.about && explains(cause.rule, effect.rule);
    });
  });
  std::stable_sort(out.begin(), out.end(), [](const Finding& a, const Finding& b) {
    return urgency(a.row()) > urgency(b.row());
  });
  return out;
}

const Finding* reason_not_ready(const std::vector<Finding>& findings) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& f) { return f.row().refuses_work; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace troth::diagnosis
