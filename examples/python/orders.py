#!/usr/bin/env python3
"""A small business service: orders, kept apart by tenant.

    python3 examples/python/orders.py

It registers with the platform and is then reachable through the gateway at
/api/orders/. Who the caller is, it learns from the headers that the gateway
sets; it verifies no token and knows no password.
"""

import argparse
import http.client
import http.server
import json
import os
import re
import signal
import socketserver
import sqlite3
import sys
import threading
import time
import urllib.parse

import metrics
from order_store import OrderStore
from registration import Refused, Registration

VERSION = "1.0.0"
LARGEST_BODY = 64 * 1024
LONGEST_STOP = 30
IDENTITY_HEADERS = ("X-Tenant-Id", "X-User-Id", "X-Session-Id", "X-Roles", "X-Plan")
PASSAGE_HEADERS = (
    "X-Request-Id",
    "Traceparent",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
)


class Problem(Exception):
    """An answer that says what was wrong and what to do (RFC 9457)."""

    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = f"orders/{VERSION}"
    sys_version = ""
    timeout = 75  # of an idle connection; longer than a gateway keeps one
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # head and body leave in one packet

    # What is offered.

    def route(self, method, path, query):
        if path == "/health" and method == "GET":
            return 200, {"status": "ok"}
        if path == "/metrics" and method == "GET":
            return 200, self.server.metrics.text()
        if path == "/whoami" and method == "GET":
            return 200, self.whoami()
        if path == "/v1/orders":
            self.endpoint = path
            if method == "GET":
                return 200, self.list_orders(query)
            if method == "POST":
                order = self.create_order()
                return 201, order
            raise Problem(405, "method_not_allowed", "use GET to list orders, POST to create one")
        found = re.fullmatch(r"/v1/orders/([0-9a-f-]{36})", path)
        if found:
            self.endpoint = "/v1/orders/{id}"
        if found and method == "GET":
            order = self.server.store.get(self.tenant(), found[1])
            if order:
                return 200, order
            raise Problem(404, "order_not_found", "there is no order of this identifier")
        raise Problem(404, "not_found", f"there is nothing at {method} {path}")

    def whoami(self):
        """What the gateway said about the caller. The assertion and the client's
        token are credentials: whether they came is told, not what they are."""
        present = {name: self.headers[name] for name in IDENTITY_HEADERS if name in self.headers}
        passage = {name: self.headers[name] for name in PASSAGE_HEADERS if name in self.headers}
        return {
            "service": self.server.service,
            "instance": self.server.instance,
            "identity": present,
            "passage": passage,
            "assertion_received": "X-Saas-Assertion" in self.headers,
            "authorization_received": "Authorization" in self.headers,
        }

    def list_orders(self, query):
        limit = whole(query.get("limit", "50"), "limit", 1, 200)
        before = whole(query["cursor"], "cursor", 1, 2**63 - 1) if "cursor" in query else None
        items, following = self.server.store.list(self.tenant(), limit, before)
        return {"items": items, "next_cursor": str(following) if following else None}

    def create_order(self):
        tenant = self.tenant()
        body = self.json_object()
        unknown = sorted(set(body) - {"item", "quantity", "note"})
        if unknown:
            raise Problem(400, "unknown_field", f"an order has no field {unknown[0]!r}")
        item, quantity, note = body.get("item"), body.get("quantity", 1), body.get("note")
        if not isinstance(item, str) or not 1 <= len(item.strip()) <= 200:
            raise Problem(400, "invalid_item", "item must be text of 1 to 200 characters")
        if type(quantity) is not int or not 1 <= quantity <= 1_000_000:
            raise Problem(400, "invalid_quantity", "quantity must be a whole number from 1 to 1000000")
        if note is not None and (not isinstance(note, str) or len(note) > 2000):
            raise Problem(400, "invalid_note", "note must be text of at most 2000 characters")
        return self.server.store.create(
            tenant, self.headers.get("X-User-Id"), item.strip(), quantity, note
        )

    # What came in.

    def tenant(self):
        tenant = self.headers.get("X-Tenant-Id", "")
        if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", tenant):
            raise Problem(
                400,
                "tenant_missing",
                "X-Tenant-Id is missing: call this service through the gateway, signed in to a tenant",
            )
        return tenant

    def json_object(self):
        try:
            body = json.loads(self.body.decode("utf-8"))
        except ValueError as error:
            raise Problem(400, "invalid_json", f"the body is not JSON in UTF-8: {error}") from error
        except RecursionError as error:
            raise Problem(400, "invalid_json", "the body is nested too deeply") from error
        if not isinstance(body, dict):
            raise Problem(400, "invalid_json", "the body must be a JSON object")
        for text in body.values():
            if isinstance(text, str) and has_unusable(text):
                raise Problem(400, "invalid_text", "text must not contain control characters")
        return body

    def read_body(self):
        """Always reads what was announced, so that the connection stays usable."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Problem(411, "length_required", "send the body with Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit():
            self.close_connection = True
            raise Problem(400, "invalid_length", "Content-Length is not a number")
        if int(length) > LARGEST_BODY:
            self.close_connection = True
            raise Problem(413, "body_too_large", f"a body may have {LARGEST_BODY} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            raise Problem(400, "incomplete_body", "the body ended before its Content-Length")
        return body

    # What goes out.

    def answer(self):
        self.status, self.endpoint = 500, "other"
        begun = time.monotonic()
        with self.server.in_flight:
            try:
                status, body, kind = *self.handled(), "application/json"
            except Problem as problem:
                status, kind = problem.status, "application/problem+json"
                body = {
                    "type": f"urn:saas:problem:{problem.code}",
                    "title": http.HTTPStatus(status).phrase,
                    "status": status,
                    "code": problem.code,
                    "detail": problem.detail,
                    "request_id": self.request_id(),
                }
            self.server.metrics.record(self.command, self.endpoint, status, time.monotonic() - begun)
            self.send(status, body, kind)

    def handled(self):
        self.body = self.read_body()
        target = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        method = "GET" if self.command == "HEAD" else self.command
        try:
            return self.route(method, target.path, query)
        except sqlite3.Error as error:
            self.log_message("the storage failed: %s", error)
            raise Problem(503, "storage_unavailable", "the orders cannot be reached now") from error

    def send(self, status, body, kind):
        if isinstance(body, str):
            text, kind = body.encode(), metrics.CONTENT_TYPE
        else:
            text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self.status = status
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Instance", self.server.instance)
        if self.request_id():
            self.send_header("X-Request-Id", self.request_id())
        if status == 201:
            self.send_header("Location", f"/v1/orders/{body['id']}")
        if status == 503:
            self.send_header("Retry-After", "1")
        if self.server.stopping.is_set():
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def send_error(self, code, message=None, explain=None):
        """The base class' refusals (a malformed head, an unknown method) in our form."""
        self.close_connection = True
        self.request_version = "HTTP/1.1"  # a line without a version would get no head back
        self.headers = getattr(self, "headers", None) or http.client.HTTPMessage()
        status = http.HTTPStatus(code)
        body = {
            "type": f"urn:saas:problem:{status.name.lower()}",
            "title": status.phrase,
            "status": code,
            "code": status.name.lower(),
            "detail": message or status.description or status.phrase,
        }
        self.send(code, body, "application/problem+json")

    def request_id(self):
        given = self.headers.get("X-Request-Id", "")
        return given if re.fullmatch(r"[!-~]{1,128}", given) else None

    def log_request(self, code="-", size="-"):
        self.log_message(
            "%s %s %s tenant=%s user=%s request=%s",
            self.command,
            getattr(self, "path", "-").split("?")[0],
            int(code),
            self.headers.get("X-Tenant-Id", "-"),
            self.headers.get("X-User-Id", "-"),
            self.request_id() or "-",
        )

    def log_error(self, format, *args):
        """An idle connection's end and a refused head are no news."""

    def log_message(self, format, *args):
        # A header's text may hold anything; a log line is one line.
        line = (format % args).encode("unicode_escape").decode("ascii")
        print(f"{self.server.instance} {line}", file=sys.stderr, flush=True)


class InFlight:
    """Counts requests between their head and the end of their answer."""

    def __init__(self):
        self._number = 0
        self._changed = threading.Condition()

    def __enter__(self):
        with self._changed:
            self._number += 1

    def __exit__(self, *_):
        with self._changed:
            self._number -= 1
            self._changed.notify_all()

    def wait_for_none(self, seconds):
        with self._changed:
            return self._changed.wait_for(lambda: self._number == 0, seconds)


class OrdersServer(http.server.ThreadingHTTPServer):
    daemon_threads = True  # an idle connection does not hold up the end
    request_queue_size = 128

    def __init__(self, address, store, service="orders"):
        self.store, self.service, self.instance = store, service, service
        self.metrics = metrics.Metrics()
        self.in_flight = InFlight()
        self.stopping = threading.Event()
        super().__init__(address, Handler)

    def server_bind(self):
        # Without the base class' look-up of the host's full name: that asks DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        # A client that went away is no error of ours.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    def stop(self):
        """Stops accepting, then lets requests that have begun end."""
        self.stopping.set()
        self.shutdown()
        self.in_flight.wait_for_none(LONGEST_STOP)
        self.server_close()


def whole(text, name, least, most):
    if re.fullmatch(r"[0-9]{1,19}", text) and least <= int(text) <= most:
        return int(text)
    raise Problem(400, f"invalid_{name}", f"{name} must be a whole number from {least} to {most}")


def has_unusable(text):
    """Control characters but for tab and line breaks, and halves of surrogate pairs."""
    return any(
        (ord(sign) < 32 and sign not in "\t\n\r") or 0xD800 <= ord(sign) <= 0xDFFF for sign in text
    )


def options(arguments):
    parser = argparse.ArgumentParser(description="Orders: an example of a business service.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) picks a free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--name", default="orders", help="the service's name in the registry")
    parser.add_argument("--data", default="./data/orders.db", help="the SQLite file, shared by instances")
    parser.add_argument(
        "--registry",
        default=os.environ.get("REGISTRY_URL", "http://127.0.0.1:8001"),
        help="the registry's URL (REGISTRY_URL)",
    )
    parser.add_argument(
        "--advertise",
        default=os.environ.get("ADVERTISE_ADDRESS"),
        help="the address the gateways reach this instance at (ADVERTISE_ADDRESS); --host if absent",
    )
    parser.add_argument("--drain", type=int, default=30, help="seconds to wait for requests on SIGTERM")
    return parser.parse_args(arguments)


def say(text):
    print(text, file=sys.stderr, flush=True)


def main(arguments=None):
    chosen = options(arguments)
    advertised = chosen.advertise or chosen.host
    if advertised in ("0.0.0.0", "::"):
        sys.exit("orders: listening on every address; say with --advertise which one the gateways can reach")
    try:
        store = OrderStore(chosen.data)
        server = OrdersServer((chosen.host, chosen.port), store, chosen.name)
    except (OSError, sqlite3.Error, OverflowError) as problem:
        sys.exit(f"orders: could not start on {chosen.host}:{chosen.port} with {chosen.data}: {problem}")
    port = server.server_address[1]
    registration = Registration(
        chosen.registry,
        chosen.name,
        advertised,
        port,
        version=VERSION,
        token=os.environ.get("REGISTRATION_TOKEN"),
        say=lambda text: say(f"orders: {text}"),
    )
    server.instance = registration.instance

    # Held back from every thread, and taken by this one when it is ready for them.
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    threading.Thread(target=server.serve_forever, args=[0.1], name="http", daemon=True).start()
    print(f"{registration.instance} listens on http://{chosen.host}:{port}", flush=True)
    registration.start()
    asked = False
    try:
        while not asked and not registration.wait(0):
            asked = signal.sigtimedwait(stop, 0.1)
    except Refused as problem:
        server.stop()
        sys.exit(f"orders: {problem}")
    if not asked:
        print(f"{registration.instance} registered at {chosen.registry}", flush=True)
        signal.sigwait(stop)
    # From here on a second signal ends the process at once.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)
    say(f"{registration.instance} is leaving")
    registration.leave(chosen.drain)
    server.stop()
    say(f"{registration.instance} stopped")


if __name__ == "__main__":
    main()
