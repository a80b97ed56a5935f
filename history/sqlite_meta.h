#pragma once
// Numbers by name, in the table meta of a history's SQLite file.

#include <string_view>

#include "history/sqlite_handle.h"
#include "troth/ids.h"

namespace troth::history {

class SqliteMeta {
 public:
  explicit SqliteMeta(SqliteHandle& handle) : handle_(handle) {}

  Status set(std::string_view name, std::int64_t value);
  /// 0: not there.
  Result<std::int64_t> get(std::string_view name);
  /// kFenced: the file belongs to another log. A new file belongs to this one from now on.
  Status belong_to(const LogId& log_id);

 private:
  SqliteHandle& handle_;
};

}  // namespace troth::history
