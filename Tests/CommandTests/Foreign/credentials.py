"""Alibaba Cloud's own credential chain as the oracle of ours.

Reads situations as JSON lines on standard input, {"environment": {...}, "world": {...}}, each run in a process of its own since the package reads the
environment once, and prints for each the key that the official package chooses, as "id secret token", or "none". Nothing leaves this machine:
the package's transport is replaced by a world of canned answers, the same as in CredentialOracleTests.swift.
"""
import json
import os
import subprocess
import sys


class Answer:
    def __init__(self, status, body):
        self.status_code = status
        self.body = body.encode()
        self.headers = {}


def answer(world, request):
    host, path, query = request.headers.get("host", ""), request.pathname or "/", request.query or {}
    form = request.body
    temporary = lambda name: {"Code": "Success", "AccessKeyId": name, "AccessKeySecret": "s-" + name, "SecurityToken": "t-" + name, "Expiration": "2099-01-01T00:00:00Z"}
    if host == "100.100.100.200":
        mode = world.get("metadata", "none")
        if mode == "none":
            raise ConnectionError("nobody is there")
        if path == "/latest/api/token":
            return Answer(200, "session") if mode != "old" else Answer(404, "")
        if mode == "new" and request.headers.get("X-aliyun-ecs-metadata-token") != "session":
            return Answer(403, "")
        if mode == "roleless":
            return Answer(404, "")
        folder = "/latest/meta-data/ram/security-credentials/"
        if path == folder:
            return Answer(200, "instance-role")
        return Answer(200, json.dumps(temporary("ecs-" + path[len(folder):])))
    if host.startswith("sts"):
        if world.get("sts") == "refuses":
            return Answer(403, json.dumps({"Code": "NoPermission", "Message": "not allowed"}))
        if hasattr(form, "read"):
            form = form.read()
        said = dict(query)
        if form:
            from urllib.parse import parse_qsl
            said.update(parse_qsl(form.decode() if isinstance(form, bytes) else form))
        by = said.get("AccessKeyId") or said.get("OIDCToken", "").strip()
        return Answer(200, json.dumps({"Credentials": temporary("-".join([host, said["RoleArn"], by]))}))
    if path == "/credentials":
        return Answer(200, json.dumps(temporary("uri"))) if world.get("uri") == "good" else Answer(500, "{}")
    return Answer(404, "")


def choose(world):
    from Tea.core import TeaCore
    TeaCore.do_action = staticmethod(lambda request, options=None: answer(world, request))
    from alibabacloud_credentials.provider.default import DefaultCredentialsProvider
    try:
        found = DefaultCredentialsProvider().get_credentials()
        print(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token() or "-", flush=True)
    except Exception:
        print("none", flush=True)
    os._exit(0)


if len(sys.argv) > 1:
    choose(json.loads(sys.argv[1]))
for line in sys.stdin:
    situation = json.loads(line)
    environment = {"PATH": os.environ.get("PATH", ""), **situation["environment"]}
    result = subprocess.run([sys.executable, __file__, json.dumps(situation["world"])], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    lines = result.stdout.decode().strip().splitlines()
    print(lines[-1] if lines else "none", flush=True)
