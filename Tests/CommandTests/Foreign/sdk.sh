#!/usr/bin/env bash
# sdk.sh OPTION…   reads an IDaaS with Alibaba Cloud's official Python SDKs and prints one JSON object: check_eiam_sdk.py --help.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
bash "$here/serve.sh" install >&2
exec "${ROLLCALL_FOREIGN:-$root/.build-foreign}/eiam/bin/python" "$here/check_eiam_sdk.py" "$@"
