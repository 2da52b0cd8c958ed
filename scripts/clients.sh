#!/usr/bin/env bash
# Makes what tests/clients/ and tests/grpc/ run and Debian does not have: client libraries from the package
# registries, and client programs of our own. All of it goes to build/clients/.
#   scripts/clients.sh              says nothing when nothing has changed
#
# A part that cannot be made is named, and its tests are skipped; with CI=true it is an error.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ "${1:-}" = --help ]; then
  sed -n 's/^# \{0,1\}//; 2,6p' "$0"
  exit 0
fi

sources=$PWD/tests/clients
grpc=$PWD/tests/grpc
made=$PWD/build/clients
mkdir -p "$made"

make_python() {
  /usr/bin/python3 -m venv --clear "$made/python"
  "$made/python/bin/pip" install --disable-pip-version-check -r "$sources/requirements.txt"
}

make_node() {
  rm -rf "$made/node"
  mkdir "$made/node"
  cp "$sources/package.json" "$made/node/"
  npm install --prefix "$made/node" --no-package-lock --no-audit --no-fund
}

make_rust() {
  # A copy, because cargo writes a lock file beside its manifest.
  mkdir -p "$made/rust"
  cp -r "$sources/programs/rust_client/." "$made/rust/"
  cargo build --manifest-path "$made/rust/Cargo.toml" --target-dir "$made/rust/target"
}

make_go() {
  CGO_ENABLED=0 GOTOOLCHAIN=local GOCACHE=$made/go-cache \
    go build -o "$made/go/" "$sources/programs/go_client.go"
}

make_grpc() {
  # A copy, for what go and protoc write beside the sources.
  rm -rf "$made/grpc"
  mkdir -p "$made/grpc"
  cp "$grpc"/go/* "$made/grpc/"
  cd "$made/grpc"
  export CGO_ENABLED=0 GOTOOLCHAIN=local GOCACHE=$made/go-cache GOBIN=$PWD
  go install -mod=mod google.golang.org/protobuf/cmd/protoc-gen-go
  go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.3.0
  protoc -I "$grpc" --plugin="$PWD/protoc-gen-go" --plugin="$PWD/protoc-gen-go-grpc" \
    --go_out=module=probe:. --go-grpc_out=module=probe:. "$grpc/probe.proto"
  go build -mod=mod -buildvcs=false -o . .
}

make_java() {
  javac -d "$made/java" "$sources/programs/JavaClient.java"
}

# part NAME VERSION SOURCE…: runs make_NAME, unless it already has, from the same sources and by
# the same version of its tool. Tests look for the stamp.
part() {
  local name=$1 version=$2 stamp=$made/$1.stamp wanted
  shift 2
  wanted=$(cat "$@" <(echo "$version") <(declare -f "make_$name") | sha256sum)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  rm -f "$stamp"
  heading "Client programs: $name"
  # A shell of its own: set -e does not hold inside a condition.
  local script
  script=$(declare -p sources grpc made && declare -f "make_$name" && echo "make_$name")
  if bash -euo pipefail -c "$script" >"$made/$name.log" 2>&1 </dev/null; then
    echo "$wanted" >"$stamp"
    return
  fi
  tail -n 20 "$made/$name.log" >&2
  echo "clients.sh: no client programs for $name; the whole log is $made/$name.log" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
}

version_of() {
  "$@" 2>/dev/null || echo none
}

part python "$(version_of /usr/bin/python3 --version)" "$sources/requirements.txt"
part node "$(version_of node --version)" "$sources/package.json"
part rust "$(version_of cargo --version)" \
  "$sources/programs/rust_client/Cargo.toml" "$sources/programs/rust_client/src/main.rs"
part go "$(version_of go version)" "$sources/programs/go_client.go"
part grpc "$(version_of go version)" "$grpc/go/go.mod" "$grpc/go/main.go" "$grpc/probe.proto"
part java "$(version_of javac --version)" "$sources/programs/JavaClient.java"
