#pragma once

namespace troth {

/// Of this build, for example "0.1.0".
const char* version();

}  // namespace troth
