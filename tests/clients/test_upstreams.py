"""Services that are not there or misbehave, clients that stop half way or claim to be somebody."""

import socket

import pytest
from described import JSON
from running_platform import call
from upstream import Upstream, reachable
from wire import connect, head, problem, read_answer, send

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture(scope="module")
def owner(platform):
    return platform.sign_up("upstreams")["access_token"]


def test_a_service_that_is_not_there(platform, owner):
    get = lambda path: send(platform.gateway, "GET", path, token=owner)
    for path in ("/api/nowhere/v1", "/api/nowhere", "/api/nowhere/"):
        problem(get(path), path, 404)
    for path in ("/api/", "/api//v1", "/api", "/api/%20/v1", "/api/Nowhere_/v1", "/api/a..b/v1", "/api/%00/v1"):
        problem(get(path), path, 400, 404)


def test_a_service_without_an_instance(platform, owner):
    upstream = Upstream(lambda connection, *_: connection.sendall(OK))
    with upstream:
        instance = upstream.register(platform, "empty")
        assert reachable(platform, "/api/empty/", owner).status == 200
    gone = call("DELETE", f"{platform.registry}/v1/services/empty/instances/{instance}")
    assert gone.status == 204, gone.body
    # It may wait for an instance to appear before it says so.
    problem(send(platform.gateway, "GET", "/api/empty/", token=owner), "an empty service", 503)


def test_a_service_that_was_taken_out(platform, owner, administrator):
    with Upstream(lambda connection, *_: connection.sendall(OK)) as upstream:
        upstream.register(platform, "retired")
        assert reachable(platform, "/api/retired/", owner).status == 200
        service = f"{platform.registry}/v1/services/retired"
        assert call("PATCH", service, {"is_active": False}, token=administrator).status == 200
        platform.wait_for("503", lambda: call("GET", f"{platform.api}/retired/", token=owner).status == 503)
        problem(send(platform.gateway, "GET", "/api/retired/", token=owner), "an inactive service", 503)


RUBBISH = {
    "nothing": b"",
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a wild status": b"HTTP/1.1 9999 OK\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a name with a space": b"HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * (1 << 20),
    "binary": bytes(range(256)) * 64,
}


def test_a_service_that_answers_rubbish(platform, owner):
    def behave(connection, request, _):
        name = request.split()[1].removeprefix("/").partition("?")[0].replace("-", " ")
        connection.sendall(RUBBISH.get(name, OK))

    with Upstream(behave) as upstream:
        upstream.register(platform, "rubbish")
        assert reachable(platform, "/api/rubbish/", owner).status == 200
        for name in RUBBISH:
            for method, body in (("GET", None), ("POST", b"{}")):
                path = f"/api/rubbish/{name.replace(' ', '-')}"
                answer = send(platform.gateway, method, path, [JSON], body, owner)
                problem(answer, f"{method} {name}", 502)
        assert send(platform.gateway, "GET", "/api/rubbish/", token=owner).status == 200


def test_a_service_that_stops_half_way(platform, owner):
    halves = {
        "/length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        "/between": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "/bad": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    }
    with Upstream(lambda connection, request, _: connection.sendall(halves.get(request.split()[1], OK))) as upstream:
        upstream.register(platform, "half")
        assert reachable(platform, "/api/half/", owner).status == 200
        for path in halves:
            with connect(platform.gateway) as connection:
                fields = [("Host", "x"), ("Authorization", f"Bearer {owner}")]
                connection.sendall(head("GET", f"/api/half{path}", fields))
                received = b""
                while piece := connection.recv(65536):
                    received += piece
            # The client can tell that it did not get all: the answer has no proper end.
            top, _, body = received.partition(b"\r\n\r\n")
            if top.startswith(b"HTTP/1.1 502"):
                continue
            assert top.startswith(b"HTTP/1.1 200"), received[:200]
            assert not body.endswith(b"0\r\n\r\n"), received
            assert b"chunked" in top.lower() or len(body) < 100
        assert send(platform.gateway, "GET", "/api/half/", token=owner).status == 200


def test_a_service_that_does_not_accept(platform, owner):
    """Its queue is full: connecting takes for ever, and the gateway does not wait for ever."""
    upstream = Upstream(lambda connection, *_: connection.sendall(OK), backlog=0)
    with upstream:
        upstream.register(platform, "busy")
        assert reachable(platform, "/api/busy/", owner).status == 200
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        body = {"address": "127.0.0.1", "port": port, "lease_seconds": 3600}
        made = call("POST", f"{platform.registry}/v1/services/deaf/instances", body)
        assert made.status == 201, made.body
        platform.wait_for("the route", lambda: send(platform.gateway, "GET", "/api/deaf/", token=owner).status != 404)
        problem(send(platform.gateway, "GET", "/api/deaf/", token=owner), "a deaf service", 502, 503, 504)
        for each in waiting:
            each.close()


def test_a_body_that_stops_half_way(platform, owner):
    seen = []

    def behave(connection, request, body):
        while piece := connection.recv(65536):
            body += piece
        seen.append(body)

    with Upstream(lambda connection, request, body: behave(connection, request, body) if "POST" in request else connection.sendall(OK)) as upstream:
        upstream.register(platform, "patient")
        assert reachable(platform, "/api/patient/", owner).status == 200
        for base, path in ((platform.gateway, "/api/patient/"), (platform.gateway, "/api/core/v1/auth/login"),
                           (platform.core, "/v1/auth/login"), (platform.registry, "/v1/services/orders/instances")):
            for framing, half in (([("Content-Length", "100")], b'{"email":'), ([("Transfer-Encoding", "chunked")], b'9\r\n{"email":\r\n'),
                                  ([("Transfer-Encoding", "chunked")], b'9\r\n{"em')):
                fields = [("Host", "127.0.0.1"), JSON, ("Authorization", f"Bearer {owner}"), *framing]
                with connect(base) as connection:
                    connection.sendall(head("POST", path, fields) + half)
                    connection.shutdown(socket.SHUT_WR)
                    answer = read_answer(connection)
                # Nobody may be there to read it; but where an answer is given, it is a problem.
                if answer.status is not None:
                    problem(answer, f"half a body to {path}", 400, 403, 408, 502)
    # What was cut off is not taken for a whole body: the service sees its connection end.
    assert not [body for body in seen if body.endswith(b"0\r\n\r\n")], seen
    assert call("GET", f"{platform.gateway}/health").status == 200


def test_bodies_with_ambiguous_or_broken_framing(platform, owner):
    for base, path in ((platform.gateway, "/api/core/v1/auth/login"), (platform.core, "/v1/auth/login")):
        for framing, body in (
            ([("Content-Length", "2"), ("Transfer-Encoding", "chunked")], b"0\r\n\r\n"),
            ([("Content-Length", "2"), ("Content-Length", "3")], b"{}x"),
            ([("Content-Length", "-1")], b""),
            ([("Content-Length", "99999999999999999999")], b"{}"),
            ([("Transfer-Encoding", "gzip")], b"{}"),
            ([("Transfer-Encoding", "chunked")], b"zz\r\n{}\r\n0\r\n\r\n"),
            ([("Transfer-Encoding", "chunked")], b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ):
            answer = send(base, "POST", path, [JSON, *framing], body)
            assert answer.status is None or 400 <= answer.status < 500 or answer.status == 501, (path, framing, answer)
    assert call("GET", f"{platform.gateway}/health").status == 200


def test_huge_bodies_are_refused_where_they_are(platform, owner):
    for path in ("/v1/auth/login", "/v1/auth/refresh", "/v1/auth/signup"):
        answer = send(platform.core, "POST", path, [JSON], b'"' + b"x" * (2 << 20) + b'"')
        problem(answer, path, 413)
    # Announced as larger than anything is taken, it is refused before it is sent.
    fields = [("Host", "x"), JSON, ("Authorization", f"Bearer {owner}"), ("Content-Length", str(1 << 50)), ("Expect", "100-continue")]
    with connect(platform.gateway) as connection:
        connection.sendall(head("POST", "/api/core/v1/auth/login", fields))
        problem(read_answer(connection), "a petabyte", 413)


IDENTITY = ("X-Tenant-Id", "X-User-Id", "X-Session-Id", "X-Roles", "X-Plan", "X-Saas-Assertion", "X-Request-Id", "X-Forwarded-For",
            "X-Forwarded-Host", "X-Real-IP", "Forwarded", "X-Original-URL", "X-HTTP-Method-Override")


def spellings(name):
    yield from (name, name.lower(), name.upper(), name.replace("-", "_"), name.swapcase().replace("-", "_"))
    yield name.replace("-", "_", 1)


def test_identity_headers_from_outside_are_not_passed_on(platform, owner):
    with Upstream(lambda connection, *_: connection.sendall(OK)) as upstream:
        upstream.register(platform, "mirror")
        assert reachable(platform, "/api/mirror/", owner).status == 200
        for name in IDENTITY:
            for spelled in dict.fromkeys(spellings(name)):
                for extra in ([], [("Connection", spelled)]):
                    upstream.heads.clear()
                    send(platform.gateway, "GET", "/api/mirror/", [(spelled, "evil"), *extra], token=owner)
                    told = "\n".join(upstream.heads)
                    # The answer may be a refusal; what came through must not say so.
                    assert "evil" not in told.replace("x-request-id: evil", "").replace("X-Request-Id: evil", ""), (spelled, told)
        # Neither may the gateway's own be taken away by naming them in `Connection`.
        upstream.heads.clear()
        send(platform.gateway, "GET", "/api/mirror/", [("Connection", "X-Tenant-Id, X-User-Id, X-Roles")], token=owner)
        told = upstream.heads[-1].lower()
        for name in ("x-tenant-id: ", "x-user-id: ", "x-roles: owner", "x-request-id: "):
            assert name in told, told
        assert "authorization" not in told


@pytest.mark.parametrize("smuggled", [" X-Tenant-Id", "X-Tenant-Id ", "X-Tenant-Id\t", "X-Tenant\x00-Id", "X Tenant Id", "\tX-Tenant-Id"])
def test_headers_with_blanks_in_their_names_are_refused(platform, owner, smuggled):
    with connect(platform.gateway) as connection:
        fields = [("Host", "x"), (smuggled, "evil")]
        connection.sendall(head("GET", "/api/core/v1/me", fields))
        assert read_answer(connection).status in (400, 401, None)


def test_hosts_that_are_none(platform):
    for base, path in ((platform.gateway, "/api/core/v1/me"), (platform.core, "/v1/me"), (platform.registry, "/v1/services")):
        for hosts in ([], ["a", "b"], ["a b"], ["a/b"], ["x" * 5000], ["\xff"], ["evil.example:99999999"], [""], ["user@host"]):
            with connect(base) as connection:
                connection.sendall(head("GET", path, [("Host", host) for host in hosts] + [("Connection", "close")]))
                answer = read_answer(connection)
            assert answer.status in (400, 401, 404, 421, 431, None), (base, hosts, answer)
