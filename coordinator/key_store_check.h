#pragma once
// Whether keys.db belongs to the log beside it. A note in the data directory says that the log has
// let go of keys which only keys.db holds: without it, a lost keys.db would look like a new one, and
// repeated requests would be executed again.

#include "history/key_store.h"
#include "os/file.h"
#include "os/logging.h"
#include "recovery/log_at_start.h"

namespace troth::coordinator {

/// At the start, before anything is answered; `store` may be null. kCorruption: keys are missing.
Status check_key_store(FileSystem& files, const std::string& data_dir, history::KeyStore* store,
                       const recovery::LogExtent& log, const Logger& logger);

}  // namespace troth::coordinator
