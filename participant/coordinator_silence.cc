#include "participant/coordinator_silence.h"

#include <algorithm>

namespace troth::participant {

void CoordinatorSilence::heard(const CoordinatorTag& tag, const NodeName& name, MonotonicTime now) {
  if (states_.size() >= kMostCoordinators && states_.count(tag) == 0)
    states_.erase(std::min_element(
        states_.begin(), states_.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
  auto& state = states_[tag];
  state.name = name;
  state.heard = now;
  state.asked.reset();
  state.promises = 0;
}

CoordinatorSilence::Judgement CoordinatorSilence::judge(
    const CoordinatorTag& tag, const std::function<Link(const NodeName&)>& link_to,
    MonotonicTime now) {
  const auto found = states_.find(tag);
  if (found == states_.end()) return {};
  auto& state = found->second;
  const NodeName& name = state.name;
  const MonotonicTime heard = state.heard;
  auto& asked = state.asked;
  const auto link = link_to(name);
  const auto silent_after = [&](MonotonicTime since, Duration limit) {
    return Judgement{now - since >= limit ? Verdict::kSilent : Verdict::kAwaited, name};
  };
  if (!link.exists) {
    if (!asked) asked = Asked{now, 0};
    return now - heard >= kWithoutLink ? Judgement{Verdict::kSilent, name}
                                       : Judgement{Verdict::kReach, name};
  }
  if (!link.connected) return silent_after(asked ? std::max(heard, asked->at) : heard, patience_);
  if (asked && link.answered <= asked->answered) return silent_after(asked->at, patience_);
  asked = Asked{now, link.answered};
  return {Verdict::kAsk, name};
}

bool CoordinatorSilence::take_promise(const CoordinatorTag& tag) {
  const auto found = states_.find(tag);
  if (found == states_.end() || found->second.promises >= kMostPromises) return false;
  ++found->second.promises;
  return true;
}

}  // namespace troth::participant
