#include "participant/sqlite/table_functions.h"

#include <algorithm>
#include <iterator>

#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

namespace {

// They only read, and soon: pragma_integrity_check and the like read the whole file, and nothing
// interrupts them.
constexpr const char* kAllowed[] = {"json_each",
                                    "json_tree",
                                    "pragma_application_id",
                                    "pragma_auto_vacuum",
                                    "pragma_collation_list",
                                    "pragma_compile_options",
                                    "pragma_database_list",
                                    "pragma_encoding",
                                    "pragma_foreign_key_check",
                                    "pragma_foreign_key_list",
                                    "pragma_foreign_keys",
                                    "pragma_freelist_count",
                                    "pragma_function_list",
                                    "pragma_index_info",
                                    "pragma_index_list",
                                    "pragma_index_xinfo",
                                    "pragma_module_list",
                                    "pragma_page_count",
                                    "pragma_page_size",
                                    "pragma_pragma_list",
                                    "pragma_schema_version",
                                    "pragma_table_info",
                                    "pragma_table_list",
                                    "pragma_table_xinfo",
                                    "pragma_user_version"};

}  // namespace

Result<std::set<std::string>> declare_table_functions(Connection& copy) {
  std::set<std::string> names(std::begin(kAllowed), std::end(kAllowed));
  TROTH_ASSIGN_OR_RETURN(auto rows, copy.prepare("SELECT 'pragma_' || name FROM pragma_pragma_list "
                                                 "UNION SELECT name FROM pragma_module_list"));
  while (rows.step() == SQLITE_ROW) names.insert(folded_name(rows.text(0)));
  rows.reset();
  // Many are no functions, and stay unknown tables.
  for (const auto& name : names) static_cast<void>(copy.prepare("SELECT * FROM " + quoted(name)));
  for (const char* allowed : kAllowed) names.erase(allowed);
  return names;
}

}  // namespace troth::participant::sqlite
