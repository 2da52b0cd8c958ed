# Third-party libraries, all from Debian 12 packages. A folder links one of these only if
# docs/architecture.md lists it there; a test holds that.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(libnghttp2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(yaml-cpp REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(libpsl REQUIRED IMPORTED_TARGET libpsl)
pkg_check_modules(libidn2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp)

# Of prometheus-cpp the data model and its text format alone: the package's own CMake files want
# the HTTP server and the push client too, with all that those need.
find_path(PROMETHEUS_INCLUDE_DIR prometheus/text_serializer.h REQUIRED)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
add_library(prometheus_core INTERFACE)
target_include_directories(prometheus_core SYSTEM INTERFACE "${PROMETHEUS_INCLUDE_DIR}")
target_link_libraries(prometheus_core INTERFACE "${PROMETHEUS_CORE}")

# Debian ships llhttp's generated C sources with the Node.js module; the library is built here.
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH REQUIRED)
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
add_library(llhttp STATIC "${LLHTTP_SOURCE_DIR}/api.c" "${LLHTTP_SOURCE_DIR}/http.c"
                          "${LLHTTP_SOURCE_DIR}/llhttp.c")
target_include_directories(llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
# Generated code: its style is not ours to judge.
target_compile_options(llhttp PRIVATE -w)

# tls_backend: the TLS library chosen by SALLYPORT_TLS.
add_library(tls_backend INTERFACE)
if(SALLYPORT_TLS STREQUAL "openssl")
  find_package(OpenSSL 3.0 REQUIRED)
  target_link_libraries(tls_backend INTERFACE OpenSSL::SSL OpenSSL::Crypto)
else()
  # Debian's Android BoringSSL lives beside OpenSSL under its own prefix; the run path finds it
  # again without any help from the environment.
  find_path(BORINGSSL_INCLUDE_DIR openssl/is_boringssl.h PATHS /usr/include/android
            NO_DEFAULT_PATH REQUIRED)
  find_library(BORINGSSL_SSL ssl PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android
               NO_DEFAULT_PATH REQUIRED)
  find_library(BORINGSSL_CRYPTO crypto PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android
               NO_DEFAULT_PATH REQUIRED)
  get_filename_component(boringssl_library_dir "${BORINGSSL_SSL}" DIRECTORY)
  target_include_directories(tls_backend SYSTEM BEFORE INTERFACE "${BORINGSSL_INCLUDE_DIR}")
  target_link_libraries(tls_backend INTERFACE "${BORINGSSL_SSL}" "${BORINGSSL_CRYPTO}")
  target_link_options(tls_backend INTERFACE "-Wl,-rpath,${boringssl_library_dir}")
endif()

if(SALLYPORT_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(SALLYPORT_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
