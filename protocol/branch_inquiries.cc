#include "protocol/branch_inquiries.h"

#include <algorithm>
#include <utility>

namespace troth::protocol {

void BranchInquiries::ask(const BranchView& branch, BranchEffects& out) {
  const auto& about = branch.about;
  ++attempts_;
  out.send(about.coordinator.name, Inquire{about.gtid});
  const bool silent = !std::exchange(heard_, false) && attempts_ > 2;
  if (!silent || about.protocol == CommitProtocol::kThreePhase) return;
  if (about.members.size() < 2) return;
  if (!asked_) asked_.emplace(about.gtid, branch.by.self, about.members);
  asked_->ask(out);
}

MonotonicTime BranchInquiries::next(const BranchView& branch, MonotonicTime now) const {
  RetryPolicy pace = branch.by.inquiry;
  if (branch.about.protocol == CommitProtocol::kThreePhase)
    pace.first = std::min(pace.first, branch.by.heartbeat);
  return now + backoff(pace, std::max<std::uint32_t>(attempts_, 1), branch.about.gtid);
}

void BranchInquiries::on_answer(InquiryReply::Answer answer, CommitProtocol protocol) {
  continuity_not_proven_ = answer == InquiryReply::Answer::kContinuityNotProven;
  if (continuity_not_proven_) return;  // the others are asked
  heard_ = true;
  asked_.reset();
  if (protocol == CommitProtocol::kThreePhase) restart();  // it is alive: keep in touch
}

}  // namespace troth::protocol
