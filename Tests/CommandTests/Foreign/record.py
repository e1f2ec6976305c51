#!/usr/bin/env python3
"""record.py BASE PORT FILE   stands between a client and the SCIM server at BASE, and appends each answer to FILE, one JSON object a line:
method, path behind the base, status, the headers that matter, body. Ends with its standard input.
The corpus of the fuzzer, Tests/RollcallTests/Fixtures/answers.jsonl, was made with it: `serve.sh record`."""
import http.client, http.server, json, sys, threading, urllib.parse

base, port, file = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
KEPT = {"content-type", "location", "etag", "date", "retry-after"}
lock = threading.Lock()
seen = set()


class Between(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server = http.client.HTTPConnection(base.netloc, timeout=20)
        server.request(self.command, base.path + self.path, body, {name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")})
        answer = server.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in KEPT:
                self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        line = json.dumps({"method": self.command, "path": self.path, "status": answer.status,
                           "headers": {name.lower(): value for name, value in answer.getheaders() if name.lower() in KEPT}, "body": text.decode("utf-8", "replace")}, ensure_ascii=False)
        with lock:
            if line not in seen:
                seen.add(line)
                with open(file, "a") as out:
                    out.write(line + "\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Between)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("READY", flush=True)
sys.stdin.read()
