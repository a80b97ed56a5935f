#include "base/utf8.h"

#include <doctest/doctest.h>

#include <string>

using troth::is_utf8;

TEST_CASE("UTF-8 as RFC 3629 defines it") {
  for (const std::string& good : {std::string(), std::string("a\0b", 3), std::string("\xc3\xa9"),
                                  std::string("\xe2\x82\xac"), std::string("\xef\xbf\xbf"),
                                  std::string("\xf0\x9f\x98\x80"), std::string("\xf4\x8f\xbf\xbf")})
    CHECK(is_utf8(good));
  for (const std::string bad : {"\xff", "a\x80", "\xc3", "\xc3(", "\xc0\xaf", "\xc1\xbf",
                                "\xe0\x82\x80", "\xe2\x82", "\xed\xa0\xbd", "\xf0\x82\x82\xac",
                                "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "x\xf0\x9f\x98"})
    CHECK_FALSE(is_utf8(bad));
}
