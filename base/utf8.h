#pragma once

#include <string_view>

namespace troth {

/// Is `text` UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, up to U+10FFFF?
bool is_utf8(std::string_view text);

}  // namespace troth
