#!/usr/bin/env bash
# fuzz_one.sh SECONDS PROGRAM: runs one libFuzzer target from its kept corpus and what earlier runs
# found. New inputs stay in build/fuzz/corpus/, so the source tree stays as it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=$1 program=$2
name=$(basename "$program")
corpus=build/fuzz/corpus/$name
log=build/fuzz/$name.log
mkdir -p "$corpus" build/fuzz/artifacts
if [ -d "tests/fuzz/corpus/$name" ]; then
  cp -n "tests/fuzz/corpus/$name"/* "$corpus"/
fi
options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
  -artifact_prefix="build/fuzz/artifacts/$name-")
if [ -f "tests/fuzz/$name.dict" ]; then
  options+=(-dict="tests/fuzz/$name.dict")
fi

if "$program" "${options[@]}" "$corpus" >"$log" 2>&1; then
  printf '%-28s clean, %s runs\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")"
else
  tail -n 60 "$log"
  printf '%s FAILED; the input is in build/fuzz/artifacts/, the log in %s\n' "$name" "$log"
  exit 255 # xargs starts no further target
fi
