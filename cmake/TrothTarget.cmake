# One way to declare our own targets: strict warnings are errors, includes start at the repository root,
# and the export name is troth::<name>.
function(troth_compile_rules target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 raises false alarms on std::string concatenation (PR105329, PR105651), others at each level of optimisation.
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-error=stringop-overflow -Wno-error=stringop-overread $<$<BOOL:${TROTH_SANITIZE}>:-Wno-error=array-bounds>
      $<$<BOOL:${TROTH_PROFILE}>:-Wno-error>)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety -Werror=thread-safety)  # os/thread_annotations.h
  endif()
  target_compile_features(${target} PUBLIC cxx_std_20)  # programs that link it are compiled as C++20 too
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
  if(TROTH_FAILPOINTS)
    target_compile_definitions(${target} PUBLIC TROTH_FAILPOINTS=1)
  endif()
endfunction()

# Two thirds of a compile are the headers of the standard library, fmt and expected: read once. Libraries and executables differ
# in -fPIC and -fPIE, so there are two.
function(troth_precompile target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set(owner troth_headers_exe)
  else()
    set(owner troth_headers_lib)
  endif()
  if(NOT TARGET ${owner})
    file(WRITE ${CMAKE_BINARY_DIR}/${owner}.cc "")
    if(type STREQUAL "EXECUTABLE")
      file(WRITE ${CMAKE_BINARY_DIR}/${owner}.cc "int main() {}")
      add_executable(${owner} EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/${owner}.cc)
    else()
      add_library(${owner} STATIC EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/${owner}.cc)
    endif()
    troth_compile_rules(${owner})
    target_link_libraries(${owner} PRIVATE fmt::fmt)
    target_precompile_headers(${owner} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

function(troth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(troth_${name} STATIC ${ARG_SOURCES})
  add_library(troth::${name} ALIAS troth_${name})
  set_target_properties(troth_${name} PROPERTIES EXPORT_NAME ${name})
  troth_compile_rules(troth_${name})
  target_link_libraries(troth_${name} PUBLIC ${ARG_LINK})
  troth_precompile(troth_${name})
endfunction()

function(troth_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  troth_compile_rules(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  troth_precompile(${name})
endfunction()

# A daemon allocates on one thread and frees on another, for every message: the allocator is a quarter of what it does.
function(troth_daemon name)
  troth_executable(${name} ${ARGN})
  if(NOT TROTH_SANITIZE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/os/malloc_conf.cc)
    target_link_libraries(${name} PRIVATE PkgConfig::JEMALLOC)
  endif()
endfunction()
