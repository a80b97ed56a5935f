#pragma once
// The memory of frames that connections with a thread of their own are reading. One budget over all
// of them, as FramesInProgress is for the loop: a thousand clients that each send half of the
// largest frame cost no more than the budget.

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "os/mutex.h"
#include "thrift/wire/stream.h"
#include "troth/time.h"

namespace troth::thrift {

/// Thread-safe. Invariant: the frames that hold a place have at most `bytes` together, or it is one.
class FrameBudget {
 public:
  static constexpr std::uint32_t kSmall = 16u << 10;  ///< smaller frames need no place

  /// `grace`: a frame that has been on its way for longer gives way when others wait for a place:
  /// its connection is cut.
  FrameBudget(std::size_t bytes, Duration grace) : budget_(bytes), grace_(grace) {}

  /// A place for one frame, given back when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), at_(other.at_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(at_, other.at_);
      return *this;
    }
    ~Place() {
      if (budget_ != nullptr) budget_->give_back(at_);
    }

   private:
    friend class FrameBudget;
    struct Frame;
    FrameBudget* budget_ = nullptr;
    std::list<Frame>::iterator at_;
  };
  /// Waits until there is a place, at most `patience`: then it throws TTransportException.
  Place take(std::uint32_t bytes, std::shared_ptr<Stream> stream, Duration patience);

 private:
  using Clock = Condition::Clock;
  void give_back(std::list<Place::Frame>::iterator at);
  void cut_slowest(Clock::time_point now) TROTH_REQUIRES(mutex_);

  const std::size_t budget_;
  const Duration grace_;
  Mutex mutex_;
  Condition changed_;
  std::size_t total_ TROTH_GUARDED_BY(mutex_) = 0;
  std::list<Place::Frame> frames_ TROTH_GUARDED_BY(mutex_);  // in the order of their beginnings
};

struct FrameBudget::Place::Frame {
  std::uint32_t bytes = 0;
  std::shared_ptr<Stream> stream;
  Condition::Clock::time_point began;
  bool cut = false;
};

}  // namespace troth::thrift
