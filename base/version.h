#pragma once

namespace troth {

/// Of this build, for example "0.2.0".
const char* version();

}  // namespace troth
