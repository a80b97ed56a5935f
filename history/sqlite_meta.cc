#include "history/sqlite_meta.h"

#include <algorithm>
#include <cstdint>

namespace troth::history {

Status SqliteMeta::set(std::string_view name, std::int64_t value) {
  TROTH_ASSIGN_OR_RETURN(auto use, handle_.use("INSERT OR REPLACE INTO meta VALUES (?1, ?2)"));
  use.bind(1, name).bind(2, value);
  if (use.step() == SQLITE_DONE) return {};
  return tl::unexpected(handle_.error("noting"));
}

Result<std::int64_t> SqliteMeta::get(std::string_view name) {
  TROTH_ASSIGN_OR_RETURN(auto use, handle_.use("SELECT value FROM meta WHERE name = ?1"));
  use.bind(1, name);
  const int code = use.step();
  if (code == SQLITE_ROW) return use.integer(0);
  if (code == SQLITE_DONE) return 0;
  return tl::unexpected(handle_.error("reading"));
}

Status SqliteMeta::belong_to(const LogId& log_id) {
  std::int64_t tag = 0;
  std::copy_n(log_id.bytes.data(), sizeof tag, reinterpret_cast<std::uint8_t*>(&tag));
  TROTH_ASSIGN_OR_RETURN(const auto owner, get("log"));
  if (owner != 0 && owner != tag)
    return fail(ErrorCode::kFenced, handle_.path() + " belongs to another log; move it away");
  return set("log", tag);
}

}  // namespace troth::history
