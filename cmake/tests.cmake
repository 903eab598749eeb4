# Every tests/{unit,law,golden}/test_*.c is one cmocka program, every tests/cli/*.bats one bats file, every script of
# tests/issues one regression; each is found by its name, labelled by its folder, and runs in the source root.
# A program named test_threads_*.c is also run by the thread sanitizer (label threads).
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_program(SP_BATS bats REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

foreach(folder unit law golden)
  file(GLOB tests CONFIGURE_DEPENDS tests/${folder}/test_*.c)
  foreach(source IN LISTS tests)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE superpod_static PkgConfig::CMOCKA PkgConfig::JANSSON)
    target_include_directories(${name} PRIVATE tests)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set(labels ${folder})
    if(name MATCHES "^test_threads")
      list(APPEND labels threads)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 300)
  endforeach()
endforeach()

# Scripts get the binary as $SUPERPOD and find the source root as their working directory.
if(SP_CLI)
  file(GLOB batsfiles CONFIGURE_DEPENDS tests/cli/*.bats tests/issues/*.bats)
  foreach(source IN LISTS batsfiles)
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME cli_${name} COMMAND ${SP_BATS} ${source} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(cli_${name} PROPERTIES ENVIRONMENT "SUPERPOD=$<TARGET_FILE:superpod>" LABELS cli TIMEOUT 300)
  endforeach()
endif()

add_test(NAME check_layers COMMAND sh tests/tools/check_layers.sh ${CMAKE_SOURCE_DIR}/tools/check-layers
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(check_layers PROPERTIES LABELS tools)
if(NOT SP_SANITIZE)
  add_test(NAME install COMMAND sh tests/tools/install.sh ${CMAKE_BINARY_DIR} ${CMAKE_C_COMPILER}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(install PROPERTIES LABELS tools)
endif()

# Where gcovr is installed, `--target coverage-report` of the coverage preset turns the counters into a page.
find_program(SP_GCOVR gcovr)
if(SP_GCOVR)
  add_custom_target(coverage-report
    COMMAND ${CMAKE_COMMAND} -E make_directory coverage
    COMMAND ${SP_GCOVR} --root ${CMAKE_SOURCE_DIR} --filter ${CMAKE_SOURCE_DIR}/src/ --filter ${CMAKE_SOURCE_DIR}/cli/
      --exclude-throw-branches --txt coverage/summary.txt --html-details coverage/index.html --print-summary ${CMAKE_BINARY_DIR}
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} USES_TERMINAL)
endif()
