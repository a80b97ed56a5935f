// Nothing that others write acts on a terminal.
#include "os/terminal_text.h"

#include <doctest/doctest.h>

using namespace troth;

TEST_CASE("JSON keeps its meaning, and loses what drives a terminal") {
  CHECK(printable_json("{\n  \"a\": \"\xc2\x9b"
                       "31m\x7f\"\n}") == "{\n  \"a\": \"\\u009b31m\\u007f\"\n}");
  CHECK(printable_json("\"\xe2\x80\xae\xe2\x81\xa6\xc3\xa4\"") == "\"\\u202e\\u2066\xc3\xa4\"");
}

TEST_CASE("code points and their lengths") {
  CHECK(first_code_point("\xc3\xa4z").code == 0xe4);
  CHECK(first_code_point("\xc3\xa4z").length == 2);
  CHECK(first_code_point("\xff").length == 0);
  CHECK(first_code_point("\xc3").length == 0);
  for (const std::uint32_t code : {0x1bu, 0x7fu, 0x80u, 0x9fu, 0x202eu, 0x2069u, 0x200fu})
    CHECK(drives_terminal(code));
  for (const std::uint32_t code : {0x20u, 0x7eu, 0xa0u, 0xe4u, 0x4e00u})
    CHECK_FALSE(drives_terminal(code));
}
