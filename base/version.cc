#include "base/version.h"

namespace troth {

const char* version() {
  return TROTH_VERSION;
}

}  // namespace troth
