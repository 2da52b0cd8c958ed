#!/usr/bin/env bash
# Installs the Debian packages that a job needs and that are missing; says nothing when none is.
#   scripts/setup.sh [build|demo|test|lint|fuzz|bench]…      (default: all but bench)
set -euo pipefail

# PACKAGE is needed as such; PROGRAM=PACKAGE only where no PROGRAM is on PATH, wherever it came from.
packages_of() {
  case "$1" in
    # cmake/SallyportDependencies.cmake names the libraries; these packages hold them.
    build) echo "cmake=cmake ninja=ninja-build g++ pkg-config libabsl-dev libfmt-dev libspdlog-dev
                 nlohmann-json3-dev libcli11-dev libuv1-dev libre2-dev libpsl-dev libidn2-dev libseccomp-dev
                 node-llhttp libnghttp2-dev libssl-dev android-libboringssl-dev libgtest-dev libgmock-dev
                 libyaml-cpp-dev libbenchmark-dev prometheus-cpp-dev protobuf-compiler libprotobuf-dev
                 protobuf-compiler-grpc libgrpc++-dev ca-certificates" ;;
    demo) echo "python3 openssl=openssl curl=curl git=git node=nodejs ca-certificates" ;;
    # cargo-web, because Debian's cargo proper is too old for registries with a sparse index.
    test) echo "python3 python3-pytest python3-pytest-xdist python3-jsonschema python3-requests
                python3-cryptography python3-h2 python3-openssl python3-pexpect openssl=openssl curl=curl
                wget=wget git=git node=nodejs npm=npm node-undici node-https-proxy-agent
                node-axios python3-aiohttp python3-httpx python3-grpcio python3-wsproto python3-venv python3-yaml go=golang-go
                cargo=cargo-web chromium=chromium certutil=libnss3-tools
                javac=default-jdk-headless nginx apache2-bin lighttpd
                ca-certificates clang-format-16" ;;
    lint) echo "git=git python3 clang-16 clang-tidy-16 clang-format-16" ;;
    # What scripts/bench.sh compares with; of Squid's packages the one that can open TLS.
    bench) echo "openssl=openssl python3 nginx=nginx haproxy=haproxy squid-openssl mitmdump=mitmproxy
                 nghttpx=nghttp2-proxy perf=linux-perf" ;;
    fuzz) echo "clang-16 libclang-rt-16-dev llvm-16" ;;
    *)
      echo "setup.sh: no set '$1'; the sets are build, demo, test, lint, fuzz and bench" >&2
      exit 2
      ;;
  esac
}

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if [ "${1:-}" = --help ]; then
  sed -n 's/^# \{0,1\}//; 2,3p' "$0"
  exit 0
fi

[ $# -gt 0 ] || set -- build demo test lint fuzz

missing=()
for name in "$@"; do
  wanted=$(packages_of "$name")
  for entry in $wanted; do
    case "$entry" in
      *=*) command -v "${entry%%=*}" >/dev/null || missing+=("${entry#*=}") ;;
      *) installed "$entry" || missing+=("$entry") ;;
    esac
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}")
if [ "$system" != "debian 12" ] || ! command -v apt-get >/dev/null; then
  echo "setup.sh: sallyport is built on Debian 12 and this is ${system:-another system}." >&2
  echo "Install what corresponds to these packages and start again: ${missing[*]}" >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: packages are missing, and there is no sudo. As root, run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}
# Kept back unless something fails: pages of "Unpacking …" help nobody.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${#missing[@]} packages: ${missing[*]}"
if ! { apt_get update && apt_get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 \
    </dev/null; then
  cat "$log" >&2
  echo "setup.sh: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
