# What `cmake --install` and the packages contain, by component: server, participant, cli, dev, python (clients/python).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
# Debian's places outside of /usr, when that is where the rest goes.
set(etc ${CMAKE_INSTALL_SYSCONFDIR})
set(units lib/systemd/system)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
  set(units /lib/systemd/system)
endif()

# Everything that is installed. An install before it is built says what to build.
add_custom_target(troth_installable)
set(libraries troth_words troth_os troth_protocol troth_tls troth_access troth_wal troth_recovery troth_engine troth_thrift_gen troth_rpc troth_participant_core troth_participant_engine
  troth_participant troth_participant_sqlite)
add_dependencies(troth_installable troth troth-coordinator troth-participant troth_python ${libraries})
foreach(part server:troth-coordinator participant:troth-participant cli:troth dev:troth_participant)
  string(REPLACE ":" ";" pair ${part})
  list(GET pair 0 component)
  list(GET pair 1 target)
  set(needed "$<TARGET_FILE:${target}>")
  if(NOT component STREQUAL dev)
    list(APPEND needed ${CMAKE_BINARY_DIR}/made/man/troth.1.gz)
  endif()
  install(CODE "foreach(file IN ITEMS ${needed})
  if(NOT EXISTS \"\${file}\")
    message(FATAL_ERROR \"\${file} is not built yet; first: cmake --build ${CMAKE_BINARY_DIR} --target troth_installable\")
  endif()
endforeach()" COMPONENT ${component})
endforeach()

install(TARGETS troth-coordinator RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT server)
install(TARGETS troth-participant RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT participant)
install(TARGETS troth RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)

# The libraries: find_package(Troth) gives troth::rpc (the client) and troth::participant with troth::participant_sqlite (the agent inside a program).
install(TARGETS ${libraries}
  EXPORT TrothTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT TrothTargets NAMESPACE troth:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Troth COMPONENT dev)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/TrothConfig.cmake.in ${CMAKE_BINARY_DIR}/TrothConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Troth)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/TrothConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/TrothConfig.cmake ${CMAKE_BINARY_DIR}/TrothConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Troth COMPONENT dev)
# The public boundary: exactly the headers of include/troth.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/troth DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/thrift/idl/ DESTINATION ${CMAKE_INSTALL_DATADIR}/troth/thrift COMPONENT dev FILES_MATCHING PATTERN "*.thrift")

# Pages and completions come from the programs themselves.
find_program(PYTHON3 NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(PYTHON3)
  set(made ${CMAKE_BINARY_DIR}/made)
  set(pages ${made}/man/troth.1.gz ${made}/man/troth-coordinator.8.gz ${made}/man/troth-participant.8.gz ${made}/man/troth.conf.5.gz)
  set(scripts ${made}/completion/troth.bash ${made}/completion/_troth ${made}/completion/troth.fish)
  add_custom_command(OUTPUT ${pages} ${scripts} ${made}/coordinator.conf ${made}/participant.conf
    COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/packaging/pages.py $<TARGET_FILE_DIR:troth> ${CMAKE_SOURCE_DIR} ${made}
    DEPENDS troth troth-coordinator troth-participant ${CMAKE_SOURCE_DIR}/packaging/pages.py VERBATIM)
  add_custom_target(troth_pages ALL DEPENDS ${pages} ${scripts})
  add_dependencies(troth_installable troth_pages)
  install(FILES ${made}/man/troth.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cli)
  install(FILES ${made}/man/troth-coordinator.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT server)
  install(FILES ${made}/man/troth.conf.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT server)
  install(FILES ${made}/man/troth-participant.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT participant)
  install(FILES ${made}/completion/troth.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME troth COMPONENT cli)
  install(FILES ${made}/completion/_troth DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT cli)
  install(FILES ${made}/completion/troth.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT cli)
  install(FILES ${made}/coordinator.conf DESTINATION ${etc}/troth COMPONENT server)
  install(FILES ${made}/participant.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/troth-participant/examples COMPONENT participant)
endif()

install(FILES ${CMAKE_SOURCE_DIR}/packaging/systemd/troth-coordinator.service DESTINATION ${units} COMPONENT server)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/systemd/troth-participant@.service DESTINATION ${units} COMPONENT participant)
foreach(component server participant)
  install(FILES ${CMAKE_SOURCE_DIR}/packaging/systemd/troth-${component}.sysusers DESTINATION lib/sysusers.d RENAME troth-${component}.conf COMPONENT ${component})
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/monitoring/ DESTINATION ${CMAKE_INSTALL_DATADIR}/troth/monitoring COMPONENT server)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/runbooks DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/troth-cli COMPONENT cli)

include(Packages)
