#include "coordinator/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace troth::coordinator {

using Kind = TimelineEvent::Kind;

namespace {

std::string text_of(const TimelineEvent& event, const Gtid* gave_way_to) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(event.after).count();
  const auto from = event.from == nullptr ? std::string("a stranger") : event.from->text();
  std::string what(event.what);
  if (event.kind == Kind::kRecord)
    what = fmt::format("{} appended at LSN {}", event.what, event.lsn);
  if (event.kind == Kind::kVote) what = fmt::format("vote {} from {}", event.what, from);
  if (event.kind == Kind::kSays) what = fmt::format("{} says {}", from, event.what);
  if (event.kind == Kind::kReleased) what = fmt::format("{} held its read locks", from);
  if (event.kind == Kind::kLost) what = fmt::format("{} was declared lost", from);
  if (event.kind == Kind::kAck) what = fmt::format("ack from {}", from);
  if (event.kind == Kind::kWound && gave_way_to != nullptr)
    what = fmt::format("wounded by {}, which waits at {}", *gave_way_to, from);
  return fmt::format("+{}.{:03} ms  {}", us / 1000, us % 1000, what);
}

}  // namespace

void Timeline::note(const TimelineEvent& event) {
  constexpr std::size_t kKept = 32;
  constexpr std::size_t kUsual = 5;  // by far most wait for votes; at its end it is twice as many
  if (events_.size() >= kKept) return;
  if (events_.empty()) events_.reserve(kUsual);
  events_.emplace_back(event);
}

std::vector<std::string> Timeline::lines(const Gtid* gave_way_to) const {
  std::vector<std::string> out;
  for (const auto& event : events_) out.push_back(text_of(event.unpack(), gave_way_to));
  return out;
}

Timeline::Packed::Packed(const TimelineEvent& event)
    : what_(event.what.data()),
      about_(event.kind == Kind::kRecord ? event.lsn.value
                                         : reinterpret_cast<std::uintptr_t>(event.from)),
      after_us_(static_cast<std::uint32_t>(std::clamp<std::int64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(event.after).count(), 0,
          std::numeric_limits<std::uint32_t>::max()))),
      what_size_(static_cast<std::uint8_t>(event.what.size())),
      kind_(event.kind) {}

TimelineEvent Timeline::Packed::unpack() const {
  TimelineEvent out{kind_, {what_, what_size_}, nullptr, {}, std::chrono::microseconds(after_us_)};
  if (kind_ == Kind::kRecord)
    out.lsn = {about_};
  else
    out.from = reinterpret_cast<const NodeName*>(about_);
  return out;
}

}  // namespace troth::coordinator
