"""nginx/saas.conf before two gateways in production, over TLS: what docs/EDGE.md promises of it."""

import base64
import contextlib
import itertools
import json
import re
import subprocess
import threading

import pytest
from edge import API, CONSOLE, Directory, Edge, free_ports
from log_lines import validate
from production import Production, wait_for
from running_platform import call
from upstream import Upstream
from websockets.sync.client import connect as connect_websocket
from websockets.sync.server import serve as serve_websocket

SECURITY = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
PROXY = "127.0.0.1"  # nginx, as the gateways see it


def answer_with(body, *headers, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Service:
    """A business service that answers by path, and keeps what it was asked."""

    def __init__(self):
        self.posts, self.release = [], threading.Event()
        self.upstream = Upstream(self.behave)

    def behave(self, connection, head, body):
        method, path, _ = head.split(" ", 2)
        if method in ("POST", "PUT"):
            length = re.search(r"(?i)content-length: (\d+)", head)
            body = bytearray(body)
            while not (length and len(body) >= int(length[1])) and (piece := connection.recv(1 << 20)):
                body += piece
            self.posts.append(bytes(body[:64]))
        if path.startswith("/echo"):
            headers = [line.partition(": ")[::2] for line in head.splitlines()[1:] if line]
            told = {"path": path, "headers": headers, "length": len(body)}
            connection.sendall(answer_with(json.dumps(told).encode(), "Content-Type: application/json"))
        elif path == "/stream":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: first\n\n")
            self.release.wait(30)
            connection.sendall(b"data: second\n\n")
        elif path == "/large":
            body = json.dumps(["tea"] * 5000).encode()
            connection.sendall(answer_with(body, "Content-Type: application/json", "ETag: \"t\""))
        elif path == "/steering":
            connection.sendall(answer_with(b"mine", "X-Accel-Redirect: /metrics", "X-Powered-By: Tea/1",
                                           "Strict-Transport-Security: max-age=0", "Content-Type: text/plain"))
        elif path == "/framed":
            connection.sendall(answer_with(b"<p>", "X-Frame-Options: DENY", "Content-Security-Policy: default-src 'self'",
                                           "Content-Type: text/html"))
        elif path == "/sandboxed":
            connection.sendall(answer_with(b"<p>", "Content-Security-Policy: sandbox", "Content-Type: text/html"))
        else:
            connection.sendall(answer_with(b"ok"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Everything an operator has: two gateways, the edge, a service, somebody who signed in."""
    ports = free_ports(2)
    folder = tmp_path_factory.mktemp("edge")
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(Directory())
        edge = Edge(folder, [f"127.0.0.1:{port}" for port in ports], console.port)
        public = {"PUBLIC_URL": f"https://{API}", "CONSOLE_URL": f"https://{CONSOLE}"}
        platform = stack.enter_context(Production(ports, TRUSTED_PROXIES=PROXY, RATE_LIMIT_PER_ADDRESS="100",
                                                  RATE_LIMIT_PER_TENANT="0", MAX_UPLOAD_MIB="100", **public))
        edge = stack.enter_context(edge)
        service = Service()
        stack.enter_context(service.upstream)
        platform.register("tea", service.upstream.port)
        edge.platform, edge.service, edge.console, edge.gateways = platform, service, console, [f"127.0.0.1:{p}" for p in ports]
        edge.token = platform.owner_of("teahouse", edge.ask)
        for port in ports:
            reach(f"http://127.0.0.1:{port}/api/tea/", edge.token)
        yield edge
        service.release.set()


def reach(url, token):
    """Waits until a gateway has heard of the service."""

    https = {"X-Forwarded-Proto": "https"}
    wait_for(url, lambda: call("GET", url, token=token, headers=https).status == 200)


# ---- The way in


def test_the_file_is_accepted_without_a_warning(site):
    # Newer releases find the form of `http2` that 1.22 needs deprecated, and say so.
    told = [line for line in site.check.splitlines() if "warn" in line and "http2" not in line]
    assert told == [] and "test is successful" in site.check, site.check


def test_http_leads_to_https_and_leaves_the_challenge_open(site):
    for host in (API, CONSOLE):
        answer = site.ask_plain("/some/where?a=1&b=%2F", host)
        assert answer.status == 301, answer
        assert answer.headers["Location"] == f"https://{host}/some/where?a=1&b=%2F"
        assert answer.headers["Server"] == "nginx"
    folder = site.challenge / ".well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "a-token").write_text("a-token.its-key")
    answer = site.ask_plain("/.well-known/acme-challenge/a-token")
    assert (answer.status, answer.body) == (200, b"a-token.its-key"), answer
    assert site.ask_plain("/.well-known/acme-challenge/none").status == 404


def handshake(port, *options):
    """What openssl's client says when it tries."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", API, *options]
    tried = subprocess.run(command, input="", capture_output=True, text=True, timeout=30)
    return tried.returncode == 0, tried.stdout + tried.stderr


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_old_versions_of_tls_are_refused(site, version):
    lax = ["-cipher", "ALL:@SECLEVEL=0"]
    able, told = handshake(site.lax, f"-{version}", *lax)
    assert able, f"this openssl cannot speak {version}, so that its refusal would tell nothing:\n{told}"
    accepted, told = handshake(site.https, f"-{version}", *lax)
    assert not accepted and "protocol version" in told, told


@pytest.mark.parametrize("version, protocol", [("tls1_2", "TLSv1.2"), ("tls1_3", "TLSv1.3")])
def test_new_versions_are_spoken_with_a_certificate_that_holds(site, version, protocol):
    accepted, told = handshake(site.https, f"-{version}", "-CAfile", str(site.authority.path),
                               "-verify_return_error", "-verify_hostname", API)
    assert accepted and re.search(rf"(?m)^\s*(New, |Protocol\s*: ){protocol}", told), told
    assert "Verify return code: 0 (ok)" in told or "Verification: OK" in told, told


def test_weak_ciphers_are_refused(site):
    for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "NULL"):
        accepted, told = handshake(site.https, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        assert not accepted, f"{cipher}\n{told}"


def test_an_unknown_name_learns_nothing(site):
    for name in (["-servername", "other.example.net"], ["-noservername"]):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.https}", *name]
        tried = subprocess.run(command, input="", capture_output=True, text=True, timeout=30)
        assert tried.returncode != 0 and "BEGIN CERTIFICATE" not in tried.stdout, tried.stdout
        assert "unrecognized name" in tried.stderr, tried.stderr


def test_http2(site):
    with site.connect(alpn=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    with site.connect(alpn=["http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    for host in (API, CONSOLE):
        command = ["curl", "-sS", "--http2", "--cacert", str(site.authority.path), "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                   "--resolve", f"{host}:{site.https}:127.0.0.1", f"https://{host}:{site.https}/"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert said.stdout in ("2 200", "2 404"), said
    assert site.logged(http__version="2.0")


# ---- What answers carry


def once(answer, **wanted):
    for name, value in (SECURITY | {name.replace("_", "-"): value for name, value in wanted.items()}).items():
        assert answer.headers.get_all(name) == [value], f"{name}: {answer.headers.get_all(name)}\n{answer.headers}"
    assert answer.headers["Server"] == "nginx", answer.headers


CLOSED_POLICY = "default-src 'none'; frame-ancestors 'self'"


def test_every_header_is_there_once(site):
    core = {"X_Frame_Options": "DENY", "Referrer_Policy": "no-referrer",
            "Content_Security_Policy": "default-src 'none'; frame-ancestors 'none'"}
    service = site.ask("GET", "/api/tea/", token=site.token)
    assert service.status == 200, service
    once(service, Content_Security_Policy=CLOSED_POLICY)
    once(site.ask("GET", "/api/core/v1/me", token=site.token), **core)
    once(site.ask("GET", "/api/core/v1/none", token=site.token), **core)
    # The gateway's own refusal, and nginx's.
    once(site.ask("GET", "/api/tea/"), Content_Security_Policy=CLOSED_POLICY)
    once(site.ask("GET", "/metrics"), Content_Security_Policy=CLOSED_POLICY)
    framed = site.ask("GET", "/api/tea/framed", token=site.token)
    once(framed, X_Frame_Options="DENY", Content_Security_Policy="default-src 'self'")
    # What the gateway adds where the console has the same name takes the place of nothing.
    sandboxed = site.ask("GET", "/api/tea/sandboxed", token=site.token)
    assert sandboxed.headers.get_all("Content-Security-Policy") == ["sandbox", CLOSED_POLICY]


def test_a_service_does_not_steer_the_edge(site):
    answer = site.ask("GET", "/api/tea/steering", token=site.token)
    assert (answer.status, answer.body) == (200, b"mine"), answer
    once(answer, Content_Security_Policy=CLOSED_POLICY)
    assert "X-Powered-By" not in answer.headers


def test_a_request_is_found_by_one_identifier(site):
    given = site.ask("GET", "/api/tea/echo", token=site.token, headers=[("X-Request-Id", "order-17.b")])
    assert given.headers.get_all("X-Request-Id") == ["order-17.b"]
    assert dict(given.json()["headers"])["x-request-id"] == "order-17.b"
    assert site.logged(request_id="order-17.b")[0]["http.response.status_code"] == 200
    unsound = site.ask("GET", "/api/tea/echo", token=site.token, headers=[("X-Request-Id", "a b'<script>")])
    assert re.fullmatch("[0-9a-f]{32}", unsound.headers["X-Request-Id"]), unsound.headers
    refused = site.ask("GET", "/metrics")
    assert refused.headers.get_all("X-Request-Id") == [refused.json()["request_id"]]


def test_compression_is_for_those_who_ask_and_what_is_large(site):
    large = site.ask("GET", "/api/tea/large", token=site.token, headers=[("Accept-Encoding", "gzip")])
    assert large.headers["Content-Encoding"] == "gzip" and len(large.body) < 1000
    assert "Accept-Encoding" in large.headers["Vary"]
    assert "Content-Encoding" not in site.ask("GET", "/api/tea/large", token=site.token).headers
    small = site.ask("GET", "/api/tea/", token=site.token, headers=[("Accept-Encoding", "gzip")])
    assert "Content-Encoding" not in small.headers


# ---- What is closed


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/METRICS", "/%6detrics", "//metrics", "/a/../metrics", "/internal",
                                  "/internal/v1/trust", "/%69nternal/v1/trust"])
def test_what_is_for_inside_stays_inside(site, path):
    answer = site.ask("GET", path, token=site.platform.metrics_token)
    assert answer.status == 403, answer
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.json()["code"] == "not_public"
    console = site.ask("GET", path, host=CONSOLE, token=site.platform.metrics_token)
    assert console.status == 404, console


def test_health_tells_the_status_and_nothing_more(site):

    direct = call("GET", f"http://{site.gateways[0]}/health", token=site.platform.metrics_token)
    assert "version" in direct.json(), direct
    for path in ("/health", "/health/live", "/health/ready"):
        answer = site.ask("GET", path, token=site.platform.metrics_token)
        assert answer.status == 200 and answer.json() == {"status": "ok"}, answer
    assert b"version" not in site.ask("GET", "/%68ealth", token=site.platform.metrics_token).body


# ---- What passes


def test_paths_and_queries_arrive_as_they_were_sent(site):
    for accept in ("application/json", "text/event-stream"):
        path = "/api/tea/echo/a%20b/%E8%8C%B6?q=%2F&r=a+b"
        answer = site.ask("GET", path, token=site.token, headers=[("Accept", accept)])
        assert answer.json()["path"] == path.removeprefix("/api/tea"), answer


def test_the_clients_address_is_the_real_one(site):
    forged = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"),
              ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "evil.example")]
    answer = site.ask("GET", "/api/tea/echo", source="127.0.0.9", token=site.token,
                      headers=[*forged, ("X-Request-Id", "whose-address")])
    told = {}
    for name, value in answer.json()["headers"]:
        told.setdefault(name.lower(), []).append(value)
    assert told["x-forwarded-for"] == [f"127.0.0.9, {PROXY}"], told
    assert told["x-forwarded-proto"] == ["https"] and told["x-forwarded-host"] == [API], told
    assert "203.0.113.9" not in json.dumps(told) and "evil.example" not in json.dumps(told)
    assert site.logged(request_id="whose-address")[0]["client.ip"] == "127.0.0.9"
    lines = lambda: [json.loads(line) for line in site.platform.text().splitlines() if "whose-address" in line]
    wait_for("the gateway's line", lines)
    assert {line["client.ip"] for line in lines() if "client.ip" in line} == {"127.0.0.9"}


def test_the_limit_is_the_clients_own_whatever_it_claims(site):
    with site.client(source="127.0.0.20") as client:
        statuses = set()
        for number in range(3000):
            claimed = [("X-Forwarded-For", f"198.51.100.{number % 250}")]
            statuses.add(client.ask("GET", "/api/tea/", token=site.token, headers=claimed).status)
            if 429 in statuses:
                break
    assert statuses == {200, 429}
    assert site.ask("GET", "/api/tea/", source="127.0.0.21", token=site.token).status == 200


def test_websocket(site):
    def echo(connection):
        for message in connection:
            connection.send(message)

    with serve_websocket(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.platform.register("echo", server.socket.getsockname()[1])
        wait_for("the service", lambda: site.ask("GET", "/api/echo/", token=site.token).status not in (404, 503))
        # `ws`, since the socket that it is given speaks TLS already.
        with connect_websocket(f"ws://{API}/api/echo/", sock=site.connect(alpn=["http/1.1"]),
                               additional_headers={"Authorization": f"Bearer {site.token}"}) as connection:
            for message in ("龙井茶", b"\x00" * 70000):
                connection.send(message)
                assert connection.recv(timeout=20) == message
        server.shutdown()
    assert site.logged(http__response__status_code=101)


def test_nothing_but_a_websocket_changes_the_protocol(site):
    upgrade = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    answer = site.ask("GET", "/api/tea/echo", token=site.token, headers=upgrade)
    assert answer.status == 200
    assert not {"upgrade", "http2-settings"} & {name.lower() for name, _ in answer.json()["headers"]}


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
def test_an_event_comes_when_it_is_sent(site, accept):
    site.service.release.clear()
    with site.client() as client:
        answer = client.begin("GET", "/api/tea/stream", token=site.token, headers=[("Accept", accept)])
        assert answer.readline() + answer.readline() == b"data: first\n\n"
        site.service.release.set()
        assert answer.read() == b"data: second\n\n"


def test_uploads_up_to_the_limit(site):
    mebibyte = 1024 * 1024
    sent = site.ask("POST", "/api/tea/echo", b"x" * (100 * mebibyte), token=site.token, headers=[("Content-Type", "text/plain")])
    assert sent.status == 200 and sent.json()["length"] == 100 * mebibyte, sent
    with site.client() as client:
        client.connection.putrequest("POST", "/api/tea/echo", skip_host=True)
        for name, value in (("Host", API), ("Content-Length", str(100 * mebibyte + 1)), ("Authorization", f"Bearer {site.token}")):
            client.connection.putheader(name, value)
        client.connection.endheaders()
        answer = client.connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["code"]) == (413, "body_too_large")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == problem["request_id"]
    assert site.logged(request_id=problem["request_id"])[0]["upstream.address"] == "", "the edge did not say it"
    # Without a length it is counted while it comes.
    def pieces():
        for _ in range(101):
            yield b"x" * mebibyte
    with site.client() as client, contextlib.suppress(ConnectionError):
        client.connection.request("POST", "/api/tea/echo", pieces(), {"Host": API, "Authorization": f"Bearer {site.token}"}, encode_chunked=True)
        assert client.connection.getresponse().status == 413


# ---- Several gateways


def test_the_gateway_with_the_fewest_connections_is_taken(site):
    site.service.release.clear()
    with site.client() as held:
        answer = held.begin("GET", "/api/tea/stream", token=site.token, headers=[("X-Request-Id", "held")])
        answer.readline()
        for number in range(12):
            assert site.ask("GET", "/api/tea/", token=site.token, headers=[("X-Request-Id", f"free-{number}")]).status == 200
        site.service.release.set()
        answer.read()
    [held] = site.logged(request_id="held")
    [other] = set(site.gateways) - {held["upstream.address"]}
    asked = [site.logged(request_id=f"free-{number}")[0]["upstream.address"] for number in range(12)]
    assert asked == [other] * 12


class Load:
    """Several clients at once. Each takes a new address now and then, or it would meet its limit."""

    addresses = itertools.count(1)

    def __init__(self, site, request, clients=4):
        self.site, self.request, self.statuses, self.ended = site, request, [], threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self):
        while not self.ended.is_set():
            number = next(self.addresses)
            try:
                with self.site.client(source=f"127.1.{number // 250}.{number % 250 + 1}") as client:
                    for _ in range(40):
                        self.statuses.append(self.request(client))
                        if self.ended.is_set():
                            break
            except Exception as error:  # A connection that breaks is a lost request, too.
                self.statuses.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def wait_for(self, more):
        wanted = len(self.statuses) + more
        wait_for(f"{more} requests", lambda: len(self.statuses) >= wanted)

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)


def spread(site):
    counts = {address: 0 for address in site.gateways}
    for line in site.log(http__response__status_code=200):
        if line["upstream.address"] in counts:
            counts[line["upstream.address"]] += 1
    return counts


def test_a_gateway_that_is_killed_costs_no_request(site):
    before = spread(site)
    with Load(site, lambda client: client.ask("GET", "/api/tea/", token=site.token).status) as load:
        load.wait_for(300)
        site.platform.kill_gateway(0)
        load.wait_for(500)
        site.platform.start_gateway(0)
        load.wait_for(300)
    assert set(load.statuses) == {200}, sorted(set(map(str, load.statuses)))
    after = spread(site)
    assert all(after[address] - before[address] > 100 for address in site.gateways), (before, after)
    assert any("," in line["upstream.status"] for line in site.log()), "the killed gateway was never met"
    reach(f"http://{site.gateways[0]}/api/tea/", site.token)


def test_a_gateway_that_is_stopped_costs_no_request_and_repeats_none(site):
    site.service.posts.clear()
    numbers = itertools.count()

    def post(client):
        answer = client.ask("POST", "/api/tea/", str(next(numbers)).encode(), token=site.token)
        return answer.status if answer.status == 200 else repr(answer)

    with Load(site, post) as load:
        load.wait_for(200)
        site.platform.stop_gateway(1)
        load.wait_for(200)
        site.platform.start_gateway(1)
        load.wait_for(200)
    assert set(load.statuses) == {200}, sorted(set(map(str, load.statuses)))
    assert sorted(map(int, site.service.posts)) == list(range(len(load.statuses)))


def test_gateways_are_asked_even_if_all_were_lost_a_moment_ago(tmp_path):
    """Both are left alone for 5 s after three failures; what has come back by then is found at once."""
    ports = free_ports(2)
    with Edge(tmp_path, [f"127.0.0.1:{port}" for port in ports]) as edge:
        assert {edge.ask("GET", "/").status for _ in range(8)} == {502}
        with Upstream(lambda connection, *_: connection.sendall(answer_with(b"back")), port=ports[1]):
            answers = [edge.ask(method, "/", body) for method, body in (("GET", None), ("POST", b"{}")) * 5]
        assert {answer.status for answer in answers} == {200}, answers


def test_a_post_that_may_have_taken_effect_is_not_sent_again(tmp_path):
    """Two gateways that read a request and break off: a GET asks both, a POST one of them."""
    with Upstream(lambda *_: None) as first, Upstream(lambda *_: None) as second:
        addresses = [f"127.0.0.1:{gateway.port}" for gateway in (first, second)]
        with Edge(tmp_path, addresses) as edge:
            heads = lambda: len(first.heads) + len(second.heads)
            assert edge.ask("GET", "/a").status == 502 and first.heads and second.heads
            for method, body in (("POST", b"{}"), ("PATCH", b"{}"), ("POST", b""), ("POST", None)):
                before = heads()
                answer = edge.ask(method, "/a", body)
                assert (answer.status, answer.json()["code"]) == (502, "no_gateway"), answer
                assert heads() == before + 1


# ---- The console


def test_the_console_by_proxy(site):
    answer = site.ask("GET", "/tenants/019a", host=CONSOLE)
    assert (answer.status, answer.body) == (200, b"<!doctype html><title>console</title>"), answer
    own = {name.replace("-", "_"): value for name, value in Directory.OWN.items()}
    once(answer, **own)
    told = site.console.heads[-1].lower()
    assert f"host: {CONSOLE}\r\n" in told and "x-forwarded-for: 127.0.0.1\r\n" in told
    assert site.ask("GET", "/api/core/v1/me", host=CONSOLE).status == 404


def test_the_console_from_a_directory(tmp_path):
    console = tmp_path / "console"
    (console / "assets").mkdir(parents=True)
    (console / "index.html").write_text("<!doctype html><title>from disk</title>")
    (console / "config.js").write_text("window.__SAAS_CONFIG__ = {};")
    (console / "assets/app-3f2a.js").write_text("let a = 1;" * 500)
    (tmp_path / "run").mkdir()
    with Edge(tmp_path / "run", ["127.0.0.1:1", "127.0.0.1:2"], console_folder=console) as edge:
        for address in ("/", "/tenants", "/tenants/019a", "/index.html"):
            page = edge.ask("GET", address, host=CONSOLE)
            assert page.status == 200 and b"from disk" in page.body, page
            once(page, Cache_Control="no-cache", Content_Type="text/html")
            [policy] = page.headers.get_all("Content-Security-Policy")
            assert f"connect-src 'self' https://{API};" in policy and "frame-ancestors 'none'" in policy
        script = edge.ask("GET", "/assets/app-3f2a.js", host=CONSOLE, headers=[("Accept-Encoding", "gzip")])
        assert script.status == 200 and script.headers["Content-Encoding"] == "gzip"
        once(script, Cache_Control="public, max-age=31536000, immutable")
        assert edge.ask("GET", "/config.js", host=CONSOLE).headers.get_all("Cache-Control") == ["no-cache"]
        missing = edge.ask("GET", "/assets/app-0000.js", host=CONSOLE)
        assert missing.status == 404 and "Cache-Control" not in missing.headers, missing.headers
        # No gateway at all: nginx says so in the platform's words.
        away = edge.ask("GET", "/api/tea/")
        assert (away.status, away.json()["code"]) == (502, "no_gateway"), away


# ---- The log


def test_no_query_and_no_credential_is_in_a_log(site):
    query, token, basic = "q-4f9d2c", "t-77aa01", base64.b64encode(b"a:s-31bd44").decode()
    headers = [("Cookie", f"session={token}"), ("Referer", f"https://x.example/?{query}")]
    # The last gets no answer from a gateway, which is what the error log tells about.
    for path in ("/api/tea/", "/metrics", "/health"):
        site.ask("GET", f"{path}?access_token={query}", headers=[*headers, ("Authorization", f"Basic {basic}")])
    site.platform.kill_gateway(0)
    try:
        with Load(site, lambda client: client.ask("GET", f"/api/tea/?key={query}", token=site.token).status) as load:
            load.wait_for(50)
    finally:
        site.platform.start_gateway(0)
    assert site.logged(url__path="/api/tea/")
    said = site.log_text() + "".join(path.read_text() for path in site.folder.glob("saas.error.log"))
    for secret in (query, token, basic, site.token):
        assert secret not in said, secret


def test_a_line_of_the_log(site):
    site.ask("GET", "/api/tea/?x=1", token=site.token, headers=[("X-Request-Id", "a-line"), ("User-Agent", 'a "quoted" agent')])
    [line] = site.logged(request_id="a-line")
    assert line["service.name"] == "edge" and line["http.request.method"] == "GET" and line["url.path"] == "/api/tea/"
    assert line["url.domain"] == API and line["tls.version"] == "1.3" and line["http.version"] == "1.1"
    assert line["user_agent.original"] == 'a "quoted" agent' and line["upstream.status"] == "200"
    assert isinstance(line["event.duration"], int) and line["event.duration"] % 1_000_000 == 0
    site.service.release.clear()
    threading.Timer(1.1, site.service.release.set).start()
    site.ask("GET", "/api/tea/stream", token=site.token, headers=[("X-Request-Id", "a-second")])
    [slow] = site.logged(request_id="a-second")
    assert 1_000_000_000 <= slow["event.duration"] < 20_000_000_000
    # All of this file's requests, the ones that were refused and the ones nobody waited for.
    for text in site.log_text().splitlines():
        validate(text)
