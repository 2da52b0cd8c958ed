#!/usr/bin/env bash
# Measures sallyport.
#   scripts/bench.sh throughput [FLAG…]     beside other proxies, into docs/benchmarks.md; see --help
#   scripts/bench.sh peers                  installs the proxies that Debian has, for the former
#
# Missing packages for the build are installed first (scripts/setup.sh).
set -euo pipefail
caller=$PWD
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case "${1:-}" in
  throughput)
    shift
    scripts/setup.sh build
    configure release
    build release throughput
    programs=$PWD/build/release/bin run=$PWD/bench/throughput/run.py
    # Paths among the flags are the caller's.
    cd "$caller"
    exec /usr/bin/python3 -B "$run" --programs "$programs" "$@"
    ;;
  peers) scripts/setup.sh bench ;;
  --help) sed -n 's/^# \{0,1\}//; 2,6p' "$0" ;;
  *)
    echo "bench.sh: say what to measure; see scripts/bench.sh --help" >&2
    exit 2
    ;;
esac
