# shellcheck shell=bash
# Sourced by the scripts beside it; leaves the shell in the root of the source tree.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# A heading, for whoever looks for the place in a long log.
heading() {
  printf '\n== %s\n' "$*"
}

# How many compilers or tests at a time: one a core, and 2 GiB of memory for each.
parallelism() {
  local cores pairs_of_gibibytes
  cores=$(nproc)
  pairs_of_gibibytes=$(awk '/^MemTotal:/ { print int($2 / 2097152) }' /proc/meminfo)
  if [ "$pairs_of_gibibytes" -lt 1 ]; then
    echo 1
  else
    echo $((pairs_of_gibibytes < cores ? pairs_of_gibibytes : cores))
  fi
}

# configure PRESET: prepares build/PRESET. The second run has nothing to do, since ninja itself
# notices a changed CMakeLists.txt.
configure() {
  local log=build/$1.configure.log
  if [ "build/$1/build.ninja" -nt CMakePresets.json ]; then return; fi
  if command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  mkdir -p build
  if ! cmake --preset "$1" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
}

# build PRESET [TARGET…]: progress is for a terminal; a log gets only what went wrong.
build() {
  local preset=$1
  shift
  local quiet=(--quiet)
  if [ -t 1 ]; then quiet=(); fi
  cmake --build "build/$preset" --parallel "$(parallelism)" ${1:+--target "$@"} -- "${quiet[@]}"
}
