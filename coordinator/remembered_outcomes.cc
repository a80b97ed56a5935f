#include "coordinator/remembered_outcomes.h"

#include <utility>

#include "base/assert.h"

namespace troth::coordinator {

namespace {
constexpr unsigned kFewestBits = 10;
}

/// The cell of the index that names it, or the empty one where it would be.
std::size_t RememberedOutcomes::cell_of(const Gtid& gtid) const {
  auto cell = home_of(gtid);
  while (index_[cell] != kNobody && gtid_at(place_of(index_[cell])) != gtid)
    cell = (cell + 1) & mask();
  return cell;
}

void RememberedOutcomes::make_room() {
  if (2 * (order_.size() + 1) <= index_.size()) return;
  index_bits_ = index_bits_ == 0 ? kFewestBits : index_bits_ + 1;
  std::vector<Number>().swap(index_);  // before its successor is made
  index_.resize(std::size_t{1} << index_bits_, kNobody);
  for (std::size_t place = 0; place < order_.size(); ++place)
    index_[cell_of(gtid_at(place))] = number_of(place);
}

void RememberedOutcomes::add(const Gtid& gtid, Entry&& entry) {
  if (!std::exchange(any_, true)) usual_high_ = gtid.high();
  make_room();
  const auto cell = cell_of(gtid);
  if (index_[cell] == kNobody) {
    index_[cell] = number_of(order_.size());
    order_.push_back({});
  }
  fill(place_of(index_[cell]), gtid, std::move(entry));
}

void RememberedOutcomes::fill(std::size_t place, const Gtid& gtid, Entry&& entry) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(entry.ended.since_start).count();
  constexpr std::uint64_t kMostMs = (std::uint64_t{1} << 40) - 1;
  Slot& slot = order_[place];
  const bool had_more = slot.has_more != 0;
  slot.low = gtid.low();
  slot.ended_ms = static_cast<std::uint64_t>(ms) & kMostMs;
  slot.outcome = static_cast<std::uint8_t>(entry.outcome);
  slot.replayed = entry.replayed ? 1 : 0;
  slot.three_phase = entry.three_phase ? 1 : 0;
  const bool has_reason = entry.reason != AbortReason{};
  const bool has_more =
      gtid.high() != usual_high_ || entry.attempts != 1 || has_reason || !entry.comment.empty();
  slot.has_more = has_more ? 1 : 0;
  if (!has_more) {
    if (had_more) more_.erase(number_of(place));
    return;
  }
  auto& more = more_[number_of(place)];
  more.high = gtid.high();
  more.attempts = entry.attempts;
  more.reason = has_reason ? std::make_unique<const AbortReason>(std::move(entry.reason)) : nullptr;
  more.comment = std::move(entry.comment);
}

std::optional<std::size_t> RememberedOutcomes::place_of(const Gtid& gtid) const {
  if (index_.empty()) return std::nullopt;
  const auto number = index_[cell_of(gtid)];
  if (number == kNobody) return std::nullopt;
  return place_of(number);
}

std::optional<RememberedOutcomes::View> RememberedOutcomes::find(const Gtid& gtid) const {
  const auto place = place_of(gtid);
  return place ? std::optional(at(*place)) : std::nullopt;
}

Gtid RememberedOutcomes::gtid_at(std::size_t place) const {
  const Slot& slot = order_[place];
  const auto high = slot.has_more != 0 ? more_.at(number_of(place)).high : usual_high_;
  return Gtid::from_words(high, slot.low);
}

RememberedOutcomes::View RememberedOutcomes::at(std::size_t place) const {
  const Slot& slot = order_[place];
  View out;
  out.outcome = static_cast<Outcome>(slot.outcome);
  out.replayed = slot.replayed != 0;
  out.three_phase = slot.three_phase != 0;
  out.ended = {std::chrono::milliseconds(slot.ended_ms)};
  if (slot.has_more == 0) return out;
  const auto& more = more_.at(number_of(place));
  out.attempts = more.attempts;
  out.reason = more.reason.get();
  if (!more.comment.empty()) out.comment = &more.comment;
  return out;
}

void RememberedOutcomes::set_comment(const Gtid& gtid, std::string comment) {
  const auto place = place_of(gtid);
  if (!place || (comment.empty() && order_[*place].has_more == 0)) return;
  auto& more = more_[number_of(*place)];
  more.high = gtid.high();
  more.comment = std::move(comment);
  order_[*place].has_more = 1;
}

void RememberedOutcomes::forget_oldest() {
  TROTH_ASSERT(!order_.empty(), "nothing is remembered of {} cells", index_.size());
  empty_cell(cell_of(gtid_at(0)));
  if (order_.front().has_more != 0) more_.erase(first_);
  order_.pop_front();
  first_ = (first_ + 1) % kNumbers;
}

/// Entries behind an emptied cell move up, so that every search still ends at the right place.
void RememberedOutcomes::empty_cell(std::size_t cell) {
  for (auto next = (cell + 1) & mask(); index_[next] != kNobody; next = (next + 1) & mask()) {
    const auto home = home_of(gtid_at(place_of(index_[next])));
    if (((next - home) & mask()) < ((next - cell) & mask())) continue;
    index_[cell] = index_[next];
    cell = next;
  }
  index_[cell] = kNobody;
}

}  // namespace troth::coordinator
