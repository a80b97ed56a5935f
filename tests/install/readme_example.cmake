# The C++ of README.md, compiled as it stands: only its endpoint becomes the program's argument.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/README.md)
file(READ ${CMAKE_SOURCE_DIR}/README.md text)
string(REGEX MATCH "```cpp\n(#include [^\n]*\n)\n([^`]*)```" found "${text}")
if(NOT found)
  message(FATAL_ERROR "README.md shows no C++ any more")
endif()
set(include "${CMAKE_MATCH_1}")
string(REPLACE "{\"127.0.0.1:7420\"}" "{argv[1]}" body "${CMAKE_MATCH_2}")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/readme_example.cc @ONLY CONTENT
"${include}#include <cstdio>

int main(int, char** argv) {
${body}
  const bool committed = reply && !reply->refusal && reply->outcome.outcome == troth::Outcome::kCommitted;
  std::puts(committed ? \"COMMITTED\" : \"not committed\");
}
")
