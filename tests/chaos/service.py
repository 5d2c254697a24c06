#!/usr/bin/env python3
"""A business service that counts for itself, and answers with the tenant it was told.

    service.py NAME PORT REGISTRY_URL FILE

A line of FILE for each call that was counted: its number and the tenant. Written before the answer,
so that what was answered is in it even if the process is killed.
"""

import http.server
import json
import os
import pathlib
import signal
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/python"))
from registration import Registration  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 90

    def do_GET(self):
        self._answer(200, {"status": "ok"} if self.path == "/health" else self._told())

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = self._told()
        os.write(self.server.counted, f"{told['number']} {told['tenant']}\n".encode())
        self._answer(201, told)

    def _told(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        return {"tenant": self.headers.get("X-Tenant-Id"), "number": query.get("n", ["-"])[0]}

    def _answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main(name, port, registry, file):
    server = Server(("127.0.0.1", int(port)), Handler)
    server.counted = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    registration = Registration(registry, name, "127.0.0.1", int(port), lease_seconds=15)
    registration.start()

    def leave(*_):
        def left():
            registration.leave(15)
            server.shutdown()

        threading.Thread(target=left).start()

    signal.signal(signal.SIGTERM, leave)
    server.serve_forever(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
