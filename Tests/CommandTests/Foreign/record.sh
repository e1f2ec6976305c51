#!/usr/bin/env bash
# record.sh FOLDER   records what each of the foreign servers answers on two days of a small company, one file a server, one answer a line:
# the corpus of the fuzzer. Wants the program built (swift build) and python3; FOLDER is Tests/RollcallTests/Fixtures/answers.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
folder=$(cd "$1" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
directory() { # day
  python3 - "$1" <<'EOF'
import json, sys
day = int(sys.argv[1])
people = [{"userId": f"user_{n}", "username": f"person{n}", "displayName": f"Person {n}" + (" II" if day > 1 and n == 1 else ""), "email": f"person{n}@corp.example", "status": "enabled"}
          for n in range(5) if day == 1 or n != 3]
here = {person["userId"] for person in people}
teams = [{"groupId": f"g{n}", "groupName": f"Team {n}" + (" renamed" if day > 1 and n == 0 else ""), "members": sorted(here & {f"user_{m}" for m in range(5) if (m + n + day) % 2 == 0})} for n in range(2)]
print(json.dumps({"users": people, "groups": teams}))
EOF
}
port=8700
for name in strict cursor minimal django old flask glue; do
  port=$((port + 2))
  rm -f "$folder/$name.jsonl"
  exec 3< <(exec "$here/serve.sh" "$name" "$port" recorded 2> "$place/$name.log")
  server=$!
  read -r ready <&3
  base=${ready#READY base=}
  exec 4> >(exec python3 "$here/record.py" "$base" $((port + 1)) "$folder/$name.jsonl" > "$place/between.log")
  between=$!
  until grep -q READY "$place/between.log" 2> /dev/null; do sleep 0.1; done
  printf 'job: recorded\nsource: { kind: file, path: directory.json }\ntarget: { platform: generic, baseURL: "http://127.0.0.1:%s", authorization: { key: "${KEY}" } }\nleavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, users.disable: none, users.clear: none, groups.delete: none, memberships.remove: none, source.shrink: none }\n' $((port + 1)) > "$place/job.yaml"
  for day in 1 1 2 2; do
    directory $day > "$place/directory.json"
    KEY=recorded "$root/.build/debug/rollcall" run "$place/job.yaml" --state "$place/$name" > /dev/null || true
  done
  exec 4>&-
  wait "$between" || true
  children=$(cat "/proc/$server/task/$server/children" 2> /dev/null || true)
  # shellcheck disable=SC2086  # a list of process ids
  kill -9 "$server" $children 2> /dev/null || true
  exec 3<&-
  echo "$name: $(wc -l < "$folder/$name.jsonl") answers"
done
