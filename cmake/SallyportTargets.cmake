# The three helpers every folder uses.

# One precompiled header for all of ours: the standard library and the Abseil types that nearly
# every file includes.
add_library(sallyport_pch STATIC "${CMAKE_SOURCE_DIR}/cmake/pch.cc")
target_link_libraries(sallyport_pch PUBLIC sallyport_flags absl::status absl::statusor fmt::fmt)
target_precompile_headers(sallyport_pch PRIVATE
  <algorithm> <array> <chrono> <cstdint> <cstring> <deque> <functional> <memory> <optional> <span>
  <string> <string_view> <unordered_map> <utility> <vector>
  <absl/status/status.h> <absl/status/statusor.h> <fmt/core.h>)

if(SALLYPORT_SANITIZER STREQUAL "thread")
  set(source "${CMAKE_SOURCE_DIR}/cmake/tsan_abseil.cc")
  add_library(tsan_libraries STATIC "${source}" "${CMAKE_SOURCE_DIR}/cmake/tsan_libuv.cc")
  target_link_libraries(tsan_libraries PRIVATE absl::synchronization)
  target_link_options(tsan_libraries INTERFACE "-Wl,--undefined=syscall")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(STRINGS "${source}" wrapped REGEX "_ZN")
  foreach(line IN LISTS wrapped)
    string(REGEX MATCH "_ZN[A-Za-z0-9_]+" symbol "${line}")
    # --undefined: Abseil's own libraries need the wrappers even where nothing of ours locks.
    target_link_options(tsan_libraries INTERFACE "-Wl,--wrap=${symbol},--undefined=__wrap_${symbol}")
  endforeach()
  target_link_libraries(sallyport_flags INTERFACE tsan_libraries)
endif()

# sallyport_library(NAME SOURCES… [DEPS…] [PRIVATE_DEPS…])
# Defines the static library sallyport_NAME, alias sallyport::NAME.
function(sallyport_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(sallyport_${name} STATIC ${ARG_SOURCES})
  add_library(sallyport::${name} ALIAS sallyport_${name})
  target_link_libraries(sallyport_${name}
    PUBLIC sallyport_flags absl::status absl::statusor fmt::fmt ${ARG_DEPS}
    PRIVATE ${ARG_PRIVATE_DEPS})
  target_precompile_headers(sallyport_${name} REUSE_FROM sallyport_pch)
endfunction()

# sallyport_test(NAME SOURCES… DEPS…)
# A GoogleTest program, registered with ctest as NAME.
function(sallyport_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sallyport_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM sallyport_pch)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# sallyport_benchmark(NAME SOURCES… DEPS…)
# A Google benchmark program; never a timed test.
function(sallyport_benchmark name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sallyport_flags ${ARG_DEPS} benchmark::benchmark
                                        benchmark::benchmark_main)
  target_precompile_headers(${name} REUSE_FROM sallyport_pch)
endfunction()

if(SALLYPORT_FUZZ)
  add_custom_target(fuzzers)
endif()

# sallyport_fuzzer(NAME SOURCES… DEPS…)
# A libFuzzer target where SALLYPORT_FUZZ is on; otherwise a program that replays the corpus, so
# that every input ever kept is run by the ordinary tests too.
function(sallyport_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  set(corpus "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}")
  if(SALLYPORT_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # scripts/test.sh builds and runs whatever is here.
    set_target_properties(${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzzers")
    add_dependencies(fuzzers ${name})
  else()
    add_executable(${name} ${ARG_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc")
    add_test(NAME ${name}_corpus COMMAND ${name} "${corpus}")
    set_tests_properties(${name}_corpus PROPERTIES TIMEOUT 300 LABELS fuzz)
  endif()
  target_link_libraries(${name} PRIVATE sallyport_flags ${ARG_DEPS})
  target_precompile_headers(${name} REUSE_FROM sallyport_pch)
endfunction()
