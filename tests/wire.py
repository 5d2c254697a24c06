"""Requests byte by byte: what no well-behaved client library would send."""

import http.client
import json
import socket
import urllib.parse

import kept_secret

TIMEOUT = 40
PROBLEM = "application/problem+json"


class Wire:
    """One answer; `status` is None where the connection ended without one."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


NOTHING = Wire(None, {}, b"")


def head(method, target, headers):
    """A request's head; names and values may be anything that `latin-1` can spell."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def connect(base):
    address = urllib.parse.urlsplit(base)
    return socket.create_connection((address.hostname, address.port), timeout=TIMEOUT)


def read_answer(connection, method="GET"):
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
        return Wire(answer.status, answer.headers, answer.read())
    except (http.client.HTTPException, ConnectionError):
        return NOTHING
    finally:
        answer.close()


def send(base, method, target, headers=(), body=None, token=None):
    """One request on a connection of its own, with `Host` and `Content-Length` unless given."""
    headers = list(headers)
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        headers.append(("Host", urllib.parse.urlsplit(base).netloc))
    if token:
        headers.append(("Authorization", f"Bearer {token}"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(body))))
    headers.append(("Connection", "close"))
    with connect(base) as connection:
        try:
            connection.sendall(head(method, target, headers) + (body or b""))
        except ConnectionError:
            pass  # It was answered before all was sent; the answer may still be there.
        answer = read_answer(connection, method)
    kept_secret.remember_exchange(body, headers, answer.body, answer.headers.items())
    return answer


LEAKS = (b"panicked", b"RUST_BACKTRACE", b"sqlx", b"SQLSTATE", b"sea_orm", b".rs:", b"Traceback")


def problem(answer, what, *statuses):
    """The answer is a problem that says what to do, with one of the statuses."""
    assert answer.status is not None, f"{what}: the connection ended without an answer"
    told = f"{what}: {answer}"
    assert 400 <= answer.status < 500 or answer.status in statuses, told
    assert not statuses or answer.status in statuses, told
    assert answer.headers["Content-Type"] == PROBLEM, f"{told} {answer.headers}"
    assert not any(leak in answer.body for leak in LEAKS), told
    said = answer.json()
    for member in ("type", "title", "status", "detail", "code", "request_id"):
        assert said.get(member), f"{told} has no {member}"
    assert said["status"] == answer.status, told
    assert said["request_id"] == answer.headers["X-Request-Id"], told
    if answer.status == 422 or said["code"] == "invalid_query":
        assert said.get("errors") or said["code"] == "idempotency_key_reused", told
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), told
    if answer.status == 405:
        assert answer.headers["Allow"], told
    if answer.status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0, told
    return said
