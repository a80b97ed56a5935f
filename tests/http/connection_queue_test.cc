// What waits for a thread of the HTTP port is bounded, and what has waited for longest gives way.
#include "http/connection_queue.h"

#include <doctest/doctest.h>

#include <future>

using namespace troth;
using namespace troth::http;

TEST_CASE("the connection that has waited for longest is turned away, and counted") {
  const auto crowd = std::make_shared<Crowd>();
  ConnectionQueue queue(1, 2, crowd);
  std::promise<void> busy, release;
  queue.enqueue([&] {
    busy.set_value();
    release.get_future().wait();
  });
  busy.get_future().wait();
  std::atomic<int> served = 0, turned_away = 0;
  std::vector<int> order;  // of those turned away, on this thread
  for (int i = 0; i < 5; ++i)
    queue.enqueue([&, i] {
      if (ConnectionQueue::turns_away()) {
        ++turned_away;
        order.push_back(i);
      } else {
        ++served;
      }
    });
  CHECK(crowd->waiting == 2);
  CHECK(crowd->turned_away == 3);
  CHECK(order == std::vector<int>{0, 1, 2});
  CHECK_FALSE(ConnectionQueue::turns_away());
  release.set_value();
  queue.shutdown();
  CHECK(served == 2);
  CHECK(turned_away == 3);
  CHECK(crowd->waiting == 0);
}
