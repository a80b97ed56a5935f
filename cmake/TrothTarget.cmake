# One way to declare our own targets: strict warnings are errors, includes start at the repository root,
# and the export name is troth::<name>.
function(troth_compile_rules target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  if(TROTH_FAILPOINTS)
    target_compile_definitions(${target} PUBLIC TROTH_FAILPOINTS=1)
  endif()
endfunction()

function(troth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(troth_${name} STATIC ${ARG_SOURCES})
  add_library(troth::${name} ALIAS troth_${name})
  troth_compile_rules(troth_${name})
  target_link_libraries(troth_${name} PUBLIC ${ARG_LINK})
endfunction()

function(troth_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  troth_compile_rules(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
endfunction()
