#pragma once
// The one way of an engine's records into its log.

#include "engine/reports.h"
#include "protocol/record.h"
#include "protocol/record_log.h"

namespace troth {

/// Forced where force_of() says so; counts `forced_writes`. `Log`: a RecordLog, or the part of one that
/// a class may see.
template <class Log>
Lsn append_record(Log& log, Reports& reports, const protocol::Record& record) {
  const auto force = force_of(record);
  if (force == protocol::Force::kYes) reports.count("forced_writes");
  return log.append(type_of(record), encode(record), force);
}

}  // namespace troth
