#pragma once
// Limits what SQLite allocates while one statement of a client is compiled or runs. SQLite's own
// heap limit counts the whole process and needs its memory statistics; this one counts one thread
// and one statement. It also ends a compilation in time: until 3.41 SQLite checks neither the
// interrupt flag nor the progress handler while it expands a statement, but it allocates.

#include <cstdint>

#include "os/clock.h"

namespace troth::participant::sqlite {

/// Wraps SQLite's allocator. Works only before the first use of SQLite in the process: in an
/// application that used SQLite before, budgets limit nothing. Thread-safe, idempotent.
void install_allocation_budgets();

/// While it lives, the allocations of SQLite on this thread count against it. A refused allocation
/// makes SQLite answer SQLITE_NOMEM, which it undoes like any other error. One at a time a thread.
class AllocationBudget {
 public:
  enum class AtEnd {
    kRefuse,  ///< at its end every allocation is refused
    kTell     ///< only time_is_up() says so: a statement that writes still has to roll back
  };
  AllocationBudget(std::int64_t bytes, const Clock& clock, MonotonicTime end, AtEnd at_end);
  ~AllocationBudget();
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;

  bool too_much() const { return too_much_; }  ///< an allocation was refused for its size
  bool too_late() const { return too_late_; }  ///< one was refused for the time

  /// For SQL functions that take long: true when the budget of this thread has reached its end.
  static bool time_is_up();
  /// For the allocator: may `bytes` more be allocated on this thread?
  static bool take(std::int64_t bytes);
  static void give_back(std::int64_t bytes);

 private:
  bool allow(std::int64_t bytes);

  std::int64_t left_;
  const Clock& clock_;
  const MonotonicTime end_;
  const AtEnd at_end_;
  std::uint32_t calls_ = 0;
  bool too_much_ = false, too_late_ = false;
};

}  // namespace troth::participant::sqlite
