#!/usr/bin/env bash
# The main job on the embedded sandbox: plan, run, plan again. Everything that it starts, it stops, also on Ctrl-C.
set -eu
cd "$(dirname "$0")/../.."
began=${ROLLCALL_BEGAN:-$(date +%s)}
work=$(mktemp -d)
server=
finish() {
  trap - EXIT INT TERM
  if [ -n "$server" ]; then
    kill "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'finish; exit 130' INT
trap 'finish; exit 143' TERM

# Credentials for this demo alone.
chance() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
SANDBOX_TOKEN=$(chance)
ALIBABA_CLOUD_ACCESS_KEY_ID=demo-key
ALIBABA_CLOUD_ACCESS_KEY_SECRET=$(chance)
export SANDBOX_TOKEN ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
unset ALIBABA_CLOUD_SECURITY_TOKEN
.build/debug/rollcall-sandbox --port 0 --directory jobs/demo/directory.json --seed jobs/demo/seed.json \
  --platforms --platform-seed jobs/demo/platforms.json > "$work/ready" &
server=$!
for _ in $(seq 1 100); do
  grep -q READY "$work/ready" && break
  kill -0 "$server" 2> /dev/null || { echo "demo: the sandbox did not start" >&2; exit 70; }
  sleep 0.1
done
base=$(sed -n 's/^READY base=//p' "$work/ready")
[ -n "$base" ] || { echo "demo: the sandbox did not come up within ten seconds" >&2; exit 70; }
echo "The sandbox is Alibaba Cloud IDaaS, six platforms and a plain SCIM server, at ${base%/scim/v2}"

# The job files as they stand in the repository, pointed to the port that was free.
for job in jobs/demo/*.yaml; do sed "s|http://127.0.0.1:8480|${base%/scim/v2}|" "$job" > "$work/$(basename "$job")"; done

expect() { # code jobs command…
  local wanted=$1 jobs=$2 code=0; shift 2
  echo
  echo "\$ rollcall $* jobs/demo/$jobs"
  # shellcheck disable=SC2086  # a pattern
  (cd "$work" && "$bin/rollcall" "$@" --state state $jobs) || code=$?
  echo "(exit $code)"
  [ "$code" = "$wanted" ] || { echo "demo: expected exit $wanted" >&2; exit 70; }
}

bin=$PWD/.build/debug
expect 2 sandbox.yaml plan --csv plan.csv
echo
echo "The first rows of the CSV:"
cut -d, -f4-8,10- "$work/plan.csv" | head -n 8
echo "… $(($(wc -l < "$work/plan.csv") - 1)) rows in all"
expect 0 '*.yaml' run --first-run
expect 0 '*.yaml' run
echo
echo "Demo done in $(($(date +%s) - began)) s, building included."
