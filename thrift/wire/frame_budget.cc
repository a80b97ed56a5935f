#include "thrift/wire/frame_budget.h"

#include <thrift/transport/TTransportException.h>

#include <algorithm>
#include <utility>

namespace troth::thrift {

namespace att = apache::thrift::transport;

FrameBudget::Place FrameBudget::take(std::uint32_t bytes, std::shared_ptr<Stream> stream,
                                     Duration patience) {
  constexpr auto kLook = std::chrono::milliseconds(50);
  Place place;
  if (bytes <= kSmall) return place;
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  MutexLock lock(mutex_);
  while (!frames_.empty() && total_ + bytes > budget_) {
    const auto now = Clock::now();
    if (now >= until)
      throw att::TTransportException(att::TTransportException::TIMED_OUT,
                                     "too much of unfinished frames is in memory");
    cut_slowest(now);
    static_cast<void>(changed_.wait_until(mutex_, std::min(until, now + kLook)));
  }
  total_ += bytes;
  place.at_ = frames_.insert(frames_.end(), {bytes, std::move(stream), Clock::now(), false});
  place.budget_ = this;
  return place;
}

void FrameBudget::cut_slowest(Clock::time_point now) {
  const auto slowest = std::find_if(frames_.begin(), frames_.end(),
                                    [](const Place::Frame& frame) { return !frame.cut; });
  if (slowest == frames_.end() || now - slowest->began < grace_) return;
  slowest->cut = true;
  slowest->stream->cut();  // its thread gives the place back
}

void FrameBudget::give_back(std::list<Place::Frame>::iterator at) {
  {
    const MutexLock lock(mutex_);
    total_ -= at->bytes;
    frames_.erase(at);
  }
  changed_.notify_all();
}

}  // namespace troth::thrift
