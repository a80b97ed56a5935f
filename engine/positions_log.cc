#include "engine/positions_log.h"

#include <utility>

namespace troth {

using namespace protocol;

void PositionsLog::write_positions() {
  if (!peers_.any_risen()) return;
  due_.reset();
  const Record seen{SeenRecord{peers_.take_risen()}};
  log_.append(type_of(seen), encode(seen), force_of(seen));
}

void PositionsLog::end_of_round(MonotonicTime now) {
  if (std::exchange(heard_, false) && !due_ && peers_.any_risen()) due_ = now + kLongest;
}

void PositionsLog::tick(MonotonicTime now) {
  if (!due_ || *due_ > now) return;
  due_.reset();
  if (!peers_.any_risen()) return;  // a PEER record has said so meanwhile
  const Record seen{SeenRecord{peers_.take_risen()}};
  log_.append_patiently(type_of(seen), encode(seen));
}

}  // namespace troth
