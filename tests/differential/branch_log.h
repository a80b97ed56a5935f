#pragma once
// What a participant's log keeps of decided branches, in the shortest form: it outlives kill -9 of
// the process that plays a case.

#include <optional>
#include <string>
#include <vector>

#include "troth/ids.h"

namespace troth::tests::differential {

class BranchLog {
 public:
  struct Entry {
    std::size_t transaction = 0;  ///< of the case
    Lsn lsn;
    std::string redo;  ///< empty: it changed nothing, or was aborted
    bool schema_change = false;
    bool applied = false;
  };
  /// Reads what is there.
  explicit BranchLog(std::string path);
  void add(const Entry& entry);
  /// The last entry.
  void set_applied();
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void write(const std::string& bytes) const;

  std::string path_;
  std::vector<Entry> entries_;
};

}  // namespace troth::tests::differential
