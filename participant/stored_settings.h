#pragma once
// Settings that belong to a participant rather than to one start of it. They lie in its data
// directory, each in a small file that is replaced as a whole.

#include <string>

#include "os/file.h"
#include "troth/result.h"

namespace troth::participant {

/// Whether foreign keys are enforced. `given`: "on" or "off", which is stored; "" = as stored, on if
/// nothing is. kInvalidArgument for anything else.
Result<bool> foreign_keys_setting(FileSystem& files, const std::string& data_dir,
                                  const std::string& given);

}  // namespace troth::participant
