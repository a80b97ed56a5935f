#pragma once
// The SQLite resource manager (troth/sqlite.h) as a daemon makes it: with its clock and its logger.

#include <memory>

#include "os/clock.h"
#include "os/logging.h"
#include "troth/sqlite.h"

namespace troth::participant {

/// `clock` must outlive the manager.
std::unique_ptr<DeferredApply> make_sqlite_resource_manager(SqliteOptions options,
                                                            const Clock& clock, Logger logger);

}  // namespace troth::participant
