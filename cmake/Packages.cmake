# Debian packages: cpack -G DEB in a build made with CMAKE_INSTALL_PREFIX=/usr.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME troth)
set(CPACK_PACKAGE_VENDOR troth)
set(CPACK_PACKAGE_CONTACT "troth maintainers <maintainers@troth.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL server participant cli dev python)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME troth-server)
set(CPACK_DEBIAN_PARTICIPANT_PACKAGE_NAME troth-participant)
set(CPACK_DEBIAN_CLI_PACKAGE_NAME troth-cli)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libtroth-dev)
set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-troth)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11), python3-thrift (>= 0.17)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS "python3-sqlalchemy (>= 1.4)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "client for atomic transactions across SQLite databases - Python 3
Blocking and asyncio clients, DB-API 2.0 with its two-phase extension, and a
dialect of SQLAlchemy.")
set(CPACK_COMPONENT_SERVER_DESCRIPTION "coordinator of atomic transactions across SQLite databases
Drives two-phase commit across agents that each guard one SQLite file, and
finishes what a crash interrupted from its write-ahead log.")
set(CPACK_COMPONENT_PARTICIPANT_DESCRIPTION "agent that lets a SQLite database take part in atomic transactions
Runs beside one SQLite file, votes, and keeps its promises across crashes.")
set(CPACK_COMPONENT_CLI_DESCRIPTION "command line for atomic transactions across SQLite databases
Submits transactions, shows what is stuck and why, and reads the logs of
daemons that do not start.")
set(CPACK_COMPONENT_DEV_DESCRIPTION "client library and embeddable agent of troth - development files
Static libraries, headers, CMake package and Thrift interface files.")
# Whichever provides systemd-sysusers. apt takes the first alternative where none is installed, as in a container: the small
# one, which gives way if systemd comes later. Where systemd is, it provides the second.
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PARTICIPANT_PACKAGE_DEPENDS "systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS troth-cli)
set(CPACK_DEBIAN_PARTICIPANT_PACKAGE_RECOMMENDS troth-cli)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libthrift-dev, libboost-dev, libssl-dev, libspdlog-dev, libfmt-dev, libexpected-dev, libisal-dev, libsqlite3-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)

set(scripts ${CMAKE_SOURCE_DIR}/packaging/debian)
file(WRITE ${CMAKE_BINARY_DIR}/conffiles "/etc/troth/coordinator.conf\n")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA "${scripts}/server/postinst;${scripts}/server/prerm;${scripts}/server/postrm;${CMAKE_BINARY_DIR}/conffiles")
set(CPACK_DEBIAN_PARTICIPANT_PACKAGE_CONTROL_EXTRA "${scripts}/participant/postinst;${scripts}/participant/prerm;${scripts}/participant/postrm")
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA "${scripts}/python/postinst;${scripts}/python/prerm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# Each package says what it is and what changed.
find_program(GZIP gzip)
if(GZIP)
  file(READ ${CMAKE_SOURCE_DIR}/packaging/debian/changelog.in text)
  foreach(component server participant cli dev python)
    string(TOUPPER ${component} upper)
    set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    set(out ${CMAKE_BINARY_DIR}/made/doc/${package})
    string(REPLACE "@PACKAGE@" ${package} own "${text}")
    string(REPLACE "@VERSION@" ${PROJECT_VERSION}-1 own "${own}")
    file(WRITE ${out}/changelog.Debian "${own}")
    execute_process(COMMAND ${GZIP} -9nf ${out}/changelog.Debian)
    install(FILES ${out}/changelog.Debian.gz ${CMAKE_SOURCE_DIR}/packaging/debian/copyright
      DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
  endforeach()
endif()

include(CPack)
