// A run-time extension as applications bring them: a collation and a function.
#include <sqlite3ext.h>

#include <cstring>
SQLITE_EXTENSION_INIT1

namespace {

// By length, then by bytes.
int by_length(void*, int n, const void* a, int m, const void* b) {
  return n != m ? n - m : std::memcmp(a, b, static_cast<std::size_t>(n));
}

void twice(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int64(context, 2 * sqlite3_value_int64(values[0]));
}

}  // namespace

extern "C" int sqlite3_extension_init(sqlite3* db, char**, const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api)
  sqlite3_create_function(db, "twice", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                          nullptr, twice, nullptr, nullptr);
  return sqlite3_create_collation(db, "by_length", SQLITE_UTF8, nullptr, by_length);
}
