#include "http/connection_queue.h"

#include <utility>

namespace troth::http {

namespace {

thread_local bool turning_away = false;

}  // namespace

ConnectionQueue::ConnectionQueue(std::size_t threads, std::size_t most_waiting,
                                 std::shared_ptr<Crowd> crowd)
    : most_waiting_(most_waiting), crowd_(std::move(crowd)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

bool ConnectionQueue::turns_away() {
  return turning_away;
}

void ConnectionQueue::enqueue(std::function<void()> serve) {
  std::function<void()> too_many;
  {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(serve));
    if (waiting_.size() > most_waiting_) {
      too_many = std::move(waiting_.front());
      waiting_.pop_front();
    }
    crowd_->waiting = waiting_.size();
  }
  wake_.notify_one();
  if (!too_many) return;
  ++crowd_->turned_away;
  turning_away = true;
  too_many();
  turning_away = false;
}

void ConnectionQueue::shutdown() {
  {
    const MutexLock lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  threads_.clear();  // joins
}

void ConnectionQueue::run() {
  for (;;) {
    MutexLock lock(mutex_);
    while (waiting_.empty() && !over_) wake_.wait(mutex_);
    if (waiting_.empty()) return;
    const auto serve = std::move(waiting_.front());
    waiting_.pop_front();
    crowd_->waiting = waiting_.size();
    lock.unlock();
    serve();
  }
}

}  // namespace troth::http
