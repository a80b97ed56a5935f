#pragma once
// Makes a case that fails smaller, as long as it fails in the same way: transactions, statements
// and schema objects first, then words of every text.

#include <functional>

#include "tests/differential/case.h"

namespace troth::tests::differential {

/// True if the case still fails in the same way.
using StillFails = std::function<bool(const Case&)>;
/// Tries at most `most` smaller cases.
Case shrink(Case failing, const StillFails& still_fails, int most);

}  // namespace troth::tests::differential
