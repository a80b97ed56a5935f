# Profile-guided optimisation (packaging/build.sh): "record" builds programs that count which way their code goes, "use" lays it out by that.
# Both in one build directory, since GCC finds a profile by the path of the object file.
set(TROTH_PROFILE "" CACHE STRING "Profile-guided optimisation: '', 'record' or 'use'")
set(profile_directory ${CMAKE_BINARY_DIR}/profile)
if(TROTH_PROFILE AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR "TROTH_PROFILE needs g++")
endif()
if(TROTH_PROFILE STREQUAL "record")
  add_compile_options(-fprofile-generate=${profile_directory} -fprofile-update=atomic)
  add_link_options(-fprofile-generate=${profile_directory})
elseif(TROTH_PROFILE STREQUAL "use")
  # What was not trained is compiled as if there were no profile, not for size.
  add_compile_options(-fprofile-use=${profile_directory} -fprofile-partial-training -Wno-missing-profile)
elseif(NOT TROTH_PROFILE STREQUAL "")
  message(FATAL_ERROR "TROTH_PROFILE must be empty, 'record' or 'use'")
endif()
