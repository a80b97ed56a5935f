#include "participant/sqlite/long_reads.h"

#include <utility>

namespace troth::participant::sqlite {

std::uint64_t LongReads::start(ExecuteRequest& request, std::vector<std::int64_t> longest_values,
                               bool file_is_current) {
  ReaderPool::Read read{next_, request.gtid, std::move(request.statements),
                        std::move(longest_values), request.deadline};
  const bool taken = file_is_current ? pool_.start(read) : for_file_.size() < bound_;
  if (!taken) {
    request.statements = std::move(read.statements);
    return 0;
  }
  if (!file_is_current) for_file_.push_back(std::move(read));
  return next_++;
}

bool LongReads::start_aside(ExecuteRequest& request, std::function<void(Executed)> answer) {
  ReaderPool::Read read{next_aside_++,    request.gtid,     std::move(request.statements), {},
                        request.deadline, std::move(answer)};
  if (pool_.start(read)) return true;
  request.statements = std::move(read.statements);
  return false;
}

void LongReads::file_committed() {
  for (auto& read : for_file_) for_room_.push_back(std::move(read));
  for_file_.clear();
  fill_pool();
}

std::vector<ReaderPool::Report> LongReads::take_reports() {
  fill_pool();
  return pool_.take_reports();
}

void LongReads::fill_pool() {
  while (!for_room_.empty() && pool_.start(for_room_.front())) for_room_.pop_front();
}

void LongReads::cancel(std::uint64_t number) {
  for (auto* reads : {&for_file_, &for_room_})
    std::erase_if(*reads, [&](const auto& read) { return read.number == number; });
  pool_.cancel(number);
}

void LongReads::close() {
  for_file_.clear();
  for_room_.clear();
  pool_.close();
}

ReaderPool::Counts LongReads::counts() const {
  auto counts = pool_.counts();
  counts.waiting += for_file_.size() + for_room_.size();
  return counts;
}

}  // namespace troth::participant::sqlite
