# What a build may choose, and the compiler flags that follow from it.

set(SALLYPORT_TLS "openssl" CACHE STRING "TLS library: openssl or boringssl")
set_property(CACHE SALLYPORT_TLS PROPERTY STRINGS openssl boringssl)
if(NOT SALLYPORT_TLS MATCHES "^(openssl|boringssl)$")
  message(FATAL_ERROR "SALLYPORT_TLS is '${SALLYPORT_TLS}'; it must be openssl or boringssl")
endif()

set(SALLYPORT_SANITIZER "" CACHE STRING "none (empty), address or thread")
option(SALLYPORT_FUZZ "Build the libFuzzer targets (Clang only)" OFF)
option(SALLYPORT_BUILD_TESTS "Build the tests" ON)
option(SALLYPORT_BUILD_BENCHMARKS "Build the benchmarks" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# Everything here ends in a position-independent executable. One flag for libraries and programs
# alike, so that both can use the same precompiled header.
add_compile_options(-fPIE)
add_link_options(-pie)

# Every target of ours links this; third-party sources do not.
add_library(sallyport_flags INTERFACE)
target_include_directories(sallyport_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(sallyport_flags INTERFACE -pthread -Wall -Wextra -Werror
                                                 -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(sallyport_flags INTERFACE -Wthread-safety)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlaps and overflows in std::string's own operator+ (GCC bug 105651) that are not
  # there, and more of the kind between a sanitizer's checks.
  target_compile_options(sallyport_flags INTERFACE -Wno-restrict -Wno-array-bounds
                                                   -Wno-stringop-overflow)
  if(SALLYPORT_SANITIZER)
    target_compile_options(sallyport_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
target_compile_definitions(sallyport_flags INTERFACE
  SALLYPORT_VERSION="${PROJECT_VERSION}")
if(SALLYPORT_TLS STREQUAL "boringssl")
  target_compile_definitions(sallyport_flags INTERFACE SALLYPORT_TLS_BORINGSSL=1)
endif()

# Sanitizers apply to third-party sources too (llhttp), so they are global.
if(SALLYPORT_SANITIZER STREQUAL "address")
  # Not vptr: it probes memory through a pipe, and reports a fault where descriptors have run out.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr
                      -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(SALLYPORT_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(NOT SALLYPORT_SANITIZER STREQUAL "")
  message(FATAL_ERROR "SALLYPORT_SANITIZER is '${SALLYPORT_SANITIZER}'; it must be empty, address or thread")
endif()

# Hardening, where no sanitizer replaces it.
if(SALLYPORT_SANITIZER STREQUAL "" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection
                      -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
endif()
