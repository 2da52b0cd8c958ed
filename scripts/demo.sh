#!/usr/bin/env bash
# Builds sallyport and shows what it is for: programs use a secret that they never have. Nothing
# leaves this machine; the origin is a small TLS server on loopback.
# What the child is to expand stands in single quotes.
# shellcheck disable=SC2016
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' plain=''
fi

# --- What is shown -------------------------------------------------------------------------------

steps=0 failures=0

# step TITLE [COMMAND]: COMMAND as one would type it.
step() {
  steps=$((steps + 1))
  printf '\n%s%d  %s%s\n' "$bold" "$steps" "$1" "$plain"
  if [ $# -gt 1 ]; then printf '   %s$ sallyport run … -- %s%s\n' "$dim" "$2" "$plain"; fi
}

fact() {
  printf '   %-22s%s\n' "$1" "$2"
}

# holds WHAT CONDITION…: CONDITION is a command.
holds() {
  local what=$1
  shift
  if "$@"; then
    printf '   %sok%s      %s\n' "$green" "$plain" "$what"
  else
    printf '   %sFAILED%s  %s\n' "$red" "$plain" "$what"
    failures=$((failures + 1))
    sed 's/^/           /' "$folder/stderr"
  fi
}

# A secret on the screen would be a bad beginning: its first four characters have to do.
masked() {
  printf '%s********' "${1:0:4}"
}

# --- The stage -----------------------------------------------------------------------------------

start_origin() {
  export ORIGIN_FOLDER=$folder ORIGIN_API_KEY=$api_key ORIGIN_GIT_TOKEN=$git_token
  coproc ORIGIN { exec /usr/bin/python3 scripts/demo/origin.py 2>"$folder/origin.log"; }
  # Bash forgets ORIGIN_PID when the process ends; clean_up needs it still.
  # shellcheck disable=SC2153
  origin_pid=$ORIGIN_PID
  unset ORIGIN_FOLDER ORIGIN_API_KEY ORIGIN_GIT_TOKEN
  if ! read -r -t 20 port <&"${ORIGIN[0]}"; then
    echo "demo.sh: the origin did not start:" >&2
    cat "$folder/origin.log" >&2
    exit 1
  fi
}

clean_up() {
  trap - EXIT
  if [ -n "${origin_pid:-}" ]; then
    kill "$origin_pid" 2>/dev/null || true
    wait "$origin_pid" 2>/dev/null || true
  fi
  rm -rf "$folder"
}

make_certificates() {
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  openssl req -x509 "${key[@]}" -days 2 -subj "/CN=Origin's CA" \
    -keyout "$folder/ca.key" -out "$folder/ca.crt"
  openssl req "${key[@]}" -subj "/CN=api.example.com" \
    -keyout "$folder/origin.key" -out "$folder/origin.csr"
  openssl x509 -req -in "$folder/origin.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
    -CAcreateserial -days 2 -out "$folder/origin.crt" -extfile <(
      echo "subjectAltName = DNS:api.example.com, DNS:git.example.com"
      echo "extendedKeyUsage = serverAuth"
    )
}

make_repository() {
  local repository=$folder/repositories/hello.git
  git init --quiet --bare --initial-branch=main "$repository"
  git -C "$repository" config http.receivepack true
}

# as_child COMMAND…: runs COMMAND under sallyport, which has the secrets. What COMMAND's environment
# held is left in child-environment, what it printed in stdout and stderr, how it ended in $status.
as_child() {
  status=0
  EXAMPLE_AI_API_KEY=$api_key EXAMPLE_GIT_TOKEN=$git_token \
    build/release/bin/sallyport run \
    --config "$folder/proxy-config.json" \
    --audit-log "$folder/audit.jsonl" \
    --upstream-ca "$folder/ca.crt" \
    --connect-to "api.example.com:443:127.0.0.1:$port" \
    --connect-to "git.example.com:443:127.0.0.1:$port" \
    --env GIT_TERMINAL_PROMPT=0 \
    -- sh -c 'env >"$0"; exec "$@"' "$folder/child-environment" "$@" \
    >"$folder/stdout" 2>"$folder/stderr" </dev/null || status=$?
}

# --- What is looked at ---------------------------------------------------------------------------

child_has() {
  sed -n "s/^$1=//p" "$folder/child-environment"
}

child_never_had_the_secrets() {
  local seen
  seen=$(cat "$folder/child-environment" "$folder/stdout" "$folder/stderr")
  [[ -s "$folder/child-environment" && $seen != *"$api_key"* && $seen != *"$git_token"* ]]
}

# The last request in the origin's journal: host, method, target, Authorization.
origin_got() {
  tail -n 1 "$folder/journal" | cut -f "$1"
}

requests_at_origin() {
  wc -l <"$folder/journal"
}

audit_is_complete_and_clean() {
  local audit
  audit=$(cat "$folder/audit.jsonl")
  [[ $audit == *'"rule":"credentials[0]","injected":["authorization"]'* &&
    $audit != *"$api_key"* && $audit != *"$git_token"* ]]
}

is_placeholder() {
  [[ $1 == sallyport-* ]]
}

equal() {
  [ "$1" = "$2" ]
}

# --- The demonstration ---------------------------------------------------------------------------

scripts/setup.sh build demo
if [ ! -x build/release/bin/sallyport ]; then
  echo "Building sallyport; the first time takes a few minutes."
fi
configure release
build release sallyport

folder=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

api_key=sk-live-$(openssl rand -hex 16)
git_token=ghp_$(openssl rand -hex 18)
make_certificates >"$folder/openssl.log" 2>&1 || { cat "$folder/openssl.log" >&2; exit 1; }
make_repository
touch "$folder/journal"
cat >"$folder/proxy-config.json" <<'CONFIG'
{
  "policy":  { "default": "deny" },
  "network": { "allowedDomains": ["api.example.com:443", "git.example.com:443"] },
  "credentials": [
    { "domain": "api.example.com", "envVar": "EXAMPLE_AI_API_KEY",
      "header": "Authorization", "format": "Bearer ${value}" },
    { "domain": "git.example.com", "envVar": "EXAMPLE_GIT_TOKEN",
      "header": "Authorization", "format": "Basic ${'x-access-token:' value | base64}" }
  ]
}
CONFIG
start_origin

printf '\n%sPrograms use secrets they never see%s\n' "$bold" "$plain"
echo
fact "sallyport has" "EXAMPLE_AI_API_KEY=$(masked "$api_key")"
fact "" "EXAMPLE_GIT_TOKEN=$(masked "$git_token")"
fact "its rules are" "proxy-config.json:"
sed 's/^/      /' "$folder/proxy-config.json"
fact "the origin is" "https://api.example.com and https://git.example.com, here 127.0.0.1:$port"

step "What a program finds in its environment" 'printenv EXAMPLE_AI_API_KEY'
as_child printenv EXAMPLE_AI_API_KEY
fact "the program has" "$(cat "$folder/stdout")"
holds "a placeholder, and the secret is nowhere in its environment" child_never_had_the_secrets
holds "the placeholder is made by sallyport" is_placeholder "$(cat "$folder/stdout")"

# api_step TITLE SHOWN COMMAND…: a program that asks the API with the key it has.
api_step() {
  step "$1" "$2"
  shift 2
  local before target
  before=$(requests_at_origin)
  as_child "$@"
  target=$(origin_got 3)
  fact "the program had" "$(child_has EXAMPLE_AI_API_KEY)"
  fact "the origin received" "GET ${target//$api_key/$(masked "$api_key")}"
  fact "" "Authorization: Bearer $(masked "$(origin_got 4 | cut -d' ' -f2)")"
  fact "the program got" "$(cat "$folder/stdout")"
  holds "the program succeeded" equal 0 "$status"
  holds "the origin received one request, with the real key" \
    equal "$((before + 1)) Bearer $api_key" "$(requests_at_origin) $(origin_got 4)"
  holds "the program never had it" child_never_had_the_secrets
}

api_step "curl" \
  'curl -H "Authorization: Bearer $EXAMPLE_AI_API_KEY" https://api.example.com/v1/models' \
  sh -c 'curl --silent --show-error --fail -H "Authorization: Bearer $EXAMPLE_AI_API_KEY" \
    https://api.example.com/v1/models'

step "git, cloning and pushing" \
  'git clone https://x-access-token:$EXAMPLE_GIT_TOKEN@git.example.com/hello.git; …; git push'
as_child sh -ec 'cd "$1"
  git clone --quiet "https://x-access-token:$EXAMPLE_GIT_TOKEN@git.example.com/hello.git"
  cd hello
  git -c user.name=Demo -c user.email=demo@example.com commit --quiet --allow-empty -m "Hello"
  git push --quiet origin HEAD:main' sh "$folder"
fact "the program had" "x-access-token:$(child_has EXAMPLE_GIT_TOKEN)"
fact "the origin received" "$(origin_got 2) $(origin_got 3)"
fact "" "Authorization: Basic, which says x-access-token:$(
  masked "$(origin_got 4 | cut -d' ' -f2 | base64 -d | cut -d: -f2)")"
holds "git succeeded, and the commit is in the origin's repository" equal "0 Hello" \
  "$status $(git -C "$folder/repositories/hello.git" log -1 --format=%s main 2>/dev/null)"
holds "the origin received the real token" equal \
  "Basic $(printf 'x-access-token:%s' "$git_token" | base64 --wrap=0)" "$(origin_got 4)"
holds "git never had it" child_never_had_the_secrets

api_step "Python, with the key in the query too" 'python3 client.py' \
  /usr/bin/python3 "$PWD/scripts/demo/client.py"
holds "the placeholder in the query was replaced" \
  equal "/v1/models?key=$api_key" "$(origin_got 3)"

api_step "Node.js" 'node client.mjs' node "$PWD/scripts/demo/client.mjs"

# refused_step TITLE URL CODE STATUS [HEADER]: curl is refused with CODE and ends with STATUS.
refused_step() {
  local before refusal
  step "$1" "curl ${5:+-H \"$5\" }$2"
  before=$(requests_at_origin)
  as_child sh -c 'curl --silent --include ${2:+-H "X-Note: $EXAMPLE_AI_API_KEY"} "$1"' \
    sh "$2" "${5:-}"
  refusal=$(sed -n 's/^x-sallyport-error: \([a-z_]*\).*/\1/Ip' "$folder/stdout")
  fact "the program got" "$(sed -n 's/^\(HTTP.* 403 .*\)\r$/\1/p' "$folder/stdout"): $refusal"
  holds "refused, and no byte of it reached the origin" \
    equal "$3 $4 $before" "$refusal $status $(requests_at_origin)"
}

refused_step "A placeholder sent where it does not belong" https://git.example.com/ \
  placeholder_misdirected 0 'X-Note: $EXAMPLE_AI_API_KEY'
# curl ends with 56 when a proxy refuses its tunnel.
refused_step "A host that the rules do not allow" https://elsewhere.example.com/ host_denied 56

step "What is written down"
grep '"event":"request"' "$folder/audit.jsonl" | tail -n 1 | sed 's/^/   /'
holds "which rule wrote which header, and no secret" audit_is_complete_and_clean

echo
if [ "$failures" -gt 0 ]; then
  printf '%s%d of the checks above did not hold.%s\n' "$red" "$failures" "$plain"
  exit 1
fi
printf '%sEvery step held.%s The programs worked, and none of them ever had a secret.\n' \
  "$green" "$plain"
