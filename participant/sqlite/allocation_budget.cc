#include "participant/sqlite/allocation_budget.h"

#include <sqlite3.h>

#include "base/assert.h"

namespace troth::participant::sqlite {

namespace {

thread_local AllocationBudget* current = nullptr;
sqlite3_mem_methods base;  // SQLite's own allocator, set once before its first use

void* allocate(int bytes) {
  if (!AllocationBudget::take(bytes)) return nullptr;
  return base.xMalloc(bytes);
}

void release(void* p) {
  if (p != nullptr) AllocationBudget::give_back(base.xSize(p));
  base.xFree(p);
}

void* reallocate(void* p, int bytes) {
  const int before = base.xSize(p);
  if (bytes > before && !AllocationBudget::take(bytes - before)) return nullptr;
  return base.xRealloc(p, bytes);
}

bool install() {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &base) != SQLITE_OK || base.xMalloc == nullptr)
    return false;
  auto mine = base;
  mine.xMalloc = allocate;
  mine.xFree = release;
  mine.xRealloc = reallocate;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK;
}

}  // namespace

void install_allocation_budgets() {
  static const bool once = install();
  static_cast<void>(once);
}

AllocationBudget::AllocationBudget(std::int64_t bytes, const Clock& clock, MonotonicTime end,
                                   AtEnd at_end)
    : left_(bytes), clock_(clock), end_(end), at_end_(at_end) {
  TROTH_ASSERT(current == nullptr, "two allocation budgets on one thread, {} bytes", bytes);
  current = this;
}

AllocationBudget::~AllocationBudget() {
  current = nullptr;
}

bool AllocationBudget::take(std::int64_t bytes) {
  return current == nullptr || current->allow(bytes);
}

void AllocationBudget::give_back(std::int64_t bytes) {
  if (current != nullptr) current->left_ += bytes;
}

bool AllocationBudget::time_is_up() {
  return current != nullptr && current->clock_.now() >= current->end_;
}

bool AllocationBudget::allow(std::int64_t bytes) {
  constexpr std::uint32_t kLookEvery = 256;  // allocations between two looks at the clock
  if (at_end_ == AtEnd::kRefuse && ++calls_ % kLookEvery == 0)
    too_late_ = too_late_ || clock_.now() >= end_;
  if (too_late_) return false;
  if (bytes > left_) {
    too_much_ = true;
    return false;
  }
  left_ -= bytes;
  return true;
}

}  // namespace troth::participant::sqlite
