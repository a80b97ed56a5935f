#pragma once
// Refusals of SQLite databases only, as codes in addition to those of troth/outcome.h. A database
// of another kind has its own header, and its own numbers in the same range.

#include "troth/outcome.h"

namespace troth::sqlite_refusal {

inline constexpr AbortCode kAttach{22};          ///< ATTACH and DETACH: a branch has one database
inline constexpr AbortCode kPragma{23};          ///< it changes the connection, not the data
inline constexpr AbortCode kVirtualTable{25};    ///< what its module writes cannot be redone
inline constexpr AbortCode kVirtualColumn{26};   ///< the rows of its table cannot be captured
inline constexpr AbortCode kRollbackClause{28};  ///< OR ROLLBACK would end every branch
inline constexpr AbortCode kHiddenRowid{29};     ///< its rows have no name: columns hide rowid
inline constexpr AbortCode kNullPrimaryKey{30};  ///< this row has no name: NULL in its key

}  // namespace troth::sqlite_refusal
