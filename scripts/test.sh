#!/usr/bin/env bash
# Builds sallyport and tests it, with no step before it.
#
#   scripts/test.sh                 formatting, then the release build and every test
#   scripts/test.sh FLAG…           these stages instead:
#     --lint                        formatting, and clang-tidy on what differs from main
#     --lint-all                    formatting, and clang-tidy on everything
#     --fuzz SECONDS                every fuzz target for SECONDS each, from the kept corpora
#     --boringssl                   the suite over BoringSSL
#     --sanitizers                  the suite under ASan and UBSan, then under TSan
#
# Missing packages are installed first (scripts/setup.sh). Everything built stays under build/.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage_error() {
  echo "test.sh: $1; see scripts/test.sh --help" >&2
  exit 2
}

check_format() {
  heading "Formatting"
  local misformatted
  misformatted=$(find . \( -path ./build -o -path ./.git \) -prune -o \
    -type f \( -name '*.cc' -o -name '*.h' \) -print0 |
    xargs -0 clang-format-16 --dry-run 2>&1 | sed -n 's/^\.\/\([^:]*\):.*warning:.*/\1/p' | sort -u)
  if [ -n "$misformatted" ]; then
    echo "Not as .clang-format says; mend with: clang-format-16 -i ${misformatted//$'\n'/ }" >&2
    return 1
  fi
}

# The sources of ours in the compilation database, as root-relative paths.
compiled_sources() {
  sed -n "s|^ *\"file\": \"$PWD/\(.*\)\",\{0,1\}$|\1|p" build/lint/compile_commands.json |
    grep -v '^build/' | sort -u
}

# Files that differ from where this branch left main, and what includes a changed header.
changed_sources() {
  local base file
  base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main)
  { git diff --name-only --diff-filter=d "$base" && git ls-files -o --exclude-standard; } |
    while read -r file; do
      echo "$file"
      if [[ $file == *.h ]]; then git grep --untracked -lF "\"$file\"" -- '*.cc' || true; fi
    done
}

lint() {
  configure lint
  # Nothing is built here, so nothing else would notice a changed CMakeLists.txt.
  ninja --quiet -C build/lint build.ninja
  local sources
  sources=$(compiled_sources)
  if [ "$1" = changed ]; then
    sources=$(comm -12 <(echo "$sources") <(changed_sources | sort -u))
  fi
  heading "clang-tidy ($(grep -c . <<<"$sources") files)"
  # It counts what it kept to itself for every file; that is no news.
  xargs -r -d '\n' -n 1 -P "$(parallelism)" clang-tidy-16 -p build/lint --quiet <<<"$sources" \
    2> >(grep -v 'warnings\{0,1\} generated' >&2)
}

fuzz() {
  heading "Fuzzing ($1 s each)"
  configure fuzz
  build fuzz fuzzers
  export ASAN_SYMBOLIZER_PATH
  ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-16)
  printf '%s\n' build/fuzz/fuzzers/* |
    xargs -d '\n' -n 1 -P "$(parallelism)" scripts/fuzz_one.sh "$1"
}

suite() {
  heading "Suite: $1"
  configure "$1"
  build "$1"
  local launcher=()
  # Debian's TSan runtime has no room for a fully random address space layout.
  if [ "$1" = tsan ] && [ "$(cat /proc/sys/vm/mmap_rnd_bits)" -gt 28 ]; then
    launcher=(setarch "$(uname -m)" --addr-no-randomize)
  fi
  "${launcher[@]}" ctest --preset "$1" --parallel "$(parallelism)" --no-tests=error
}

lint_scope='' fuzz_seconds='' boringssl=no sanitizers=no
[ $# -gt 0 ] && plain_run=no || plain_run=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --lint) lint_scope=changed ;;
    --lint-all) lint_scope=all ;;
    --fuzz)
      shift
      [[ "${1:-}" =~ ^[1-9][0-9]*$ ]] || usage_error "--fuzz wants a number of seconds"
      fuzz_seconds=$1
      ;;
    --boringssl) boringssl=yes ;;
    --sanitizers) sanitizers=yes ;;
    --help)
      sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//; p}' scripts/test.sh
      exit 0
      ;;
    *) usage_error "no flag '$1'" ;;
  esac
  shift
done

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=second_deadlock_stack=1

# The suites come last, so that ctest's summary is the end of the output.
sets=(build test)
[ -z "$lint_scope" ] || sets+=(lint)
[ -z "$fuzz_seconds" ] || sets+=(fuzz)
scripts/setup.sh "${sets[@]}"

if [ "$plain_run" = yes ] || [ -n "$lint_scope" ]; then check_format; fi
if [ -n "$lint_scope" ]; then lint "$lint_scope"; fi
if [ -n "$fuzz_seconds" ]; then fuzz "$fuzz_seconds"; fi
if [ "$plain_run$boringssl$sanitizers" != nonono ]; then scripts/clients.sh; fi
if [ "$plain_run" = yes ]; then suite release; fi
if [ "$boringssl" = yes ]; then suite boringssl; fi
if [ "$sanitizers" = yes ]; then
  suite asan
  suite tsan
fi
