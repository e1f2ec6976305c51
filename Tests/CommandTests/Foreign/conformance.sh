#!/usr/bin/env bash
# conformance.sh BASE TOKEN   runs two foreign SCIM conformance testers against a server; exit 0 when neither finds fault.
# A PATCH that answers 204 is forgiven: RFC 7644, section 3.5.2, allows it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
envs=${ROLLCALL_FOREIGN:-$root/.build-foreign}
base=${1:?base URL}
token=${2:?token}
bash "$here/serve.sh" install || exit 1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0

SCIM_CLI_HEADERS="Authorization: Bearer $token" timeout 300 "$envs/testers/bin/scim2" --url "$base" test > "$out/tester" 2>&1 || status=1
sed -i 's/\x1b\[[0-9;]*m//g' "$out/tester"
echo "scim2-tester: $(grep -c '^SUCCESS' "$out/tester") good, $(grep -cE '^(ERROR|CRITICAL)' "$out/tester") bad"
grep -A2 -E '^(ERROR|CRITICAL|Error)' "$out/tester" | head -40

timeout 300 "$envs/sanity/bin/scim-sanity" probe "$base" --token "$token" --i-accept-side-effects --timeout 10 --json-output > "$out/sanity" 2> /dev/null
"$envs/sanity/bin/python" - "$out/sanity" <<'PY' || status=1
import json
import sys

results = json.load(open(sys.argv[1]))["results"]
bad = [r for r in results if r["status"] in ("fail", "error") and "got 204" not in (r.get("message") or "")]
print(f"scim-sanity: {len(results) - len(bad)} good, {len(bad)} bad")
for result in bad:
    print("  ", result["name"], "|", (result.get("message") or "")[:200])
sys.exit(1 if bad else 0)
PY
exit $status
