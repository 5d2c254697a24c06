"""Every line of every service, through traffic, mistakes, attacks and failures, is what the schema says."""

import json
import os
import pathlib
import stat
import subprocess
import sys

import kept_secret
import pytest
from edge import free_ports
from log_lines import validate
from production import Production, passwords_of, wait_for
from running_platform import BINARY, ROOT, Platform, call
from upstream import Upstream
from wire import connect, head, send

sys.path.insert(0, str(ROOT / "tests/clients"))
from postgres import Cable, new_database  # noqa: E402

HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def mistakes(gateway, token, headers):
    """What clients do wrong, one by one, with secrets wherever people put them."""
    kept_secret.remember("query-secret-4f9d2c", "basic-secret-77aa01", "cookie-secret-31bd44")
    ask = lambda method, path, body=None, token=token, **more: call(method, f"{gateway}{path}", body, token, headers | more)
    ask("GET", "/api/tea/?access_token=query-secret-4f9d2c")
    ask("GET", "/nowhere?token=query-secret-4f9d2c", token=None)
    ask("GET", "/api/nowhere/v1")
    ask("GET", "/api/tea/", token="not.a.token-that-anybody-gave")
    ask("GET", "/api/tea/", token=None, Authorization="Basic basic-secret-77aa01", Cookie="session=cookie-secret-31bd44")
    ask("DELETE", "/health")
    ask("POST", "/api/core/v1/auth/login", {"email": "nobody@example.com", "password": "a wrong password, by far"})
    ask("POST", "/api/core/v1/auth/login", {"email": "a", "passwort": "a wrong member, by far"})
    ask("POST", "/api/core/v1/auth/login", b'{"email": "a@b.example", "password": "half a password')
    ask("POST", "/api/core/v1/auth/refresh", {"refresh_token": "rt_" + "x" * 40})
    ask("GET", "/api/core/v1/tenants/not-an-id")
    ask("GET", "/api/core/v1/me%E9")
    ask("GET", "/api/tea/broken")
    ask("GET", "/api/tea/slow-to-close", **{"X-Request-Id": 'a "quoted" \\ one'})
    send(gateway, "GET", "/api/tea/%00%0a%22", token=token)
    send(gateway, "BREW", "/api/tea/", token=token)
    for bytes_ in (b"\x16\x03\x01\x00rubbish\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\n\r\n"):
        with connect(gateway) as connection:
            connection.sendall(bytes_)
            connection.settimeout(5)
            try:
                connection.recv(1000)
            except OSError:
                pass
    # Somebody who leaves before the answer.
    with connect(gateway) as connection:
        connection.sendall(head("GET", "/api/tea/waits", [("Host", "x"), ("Authorization", f"Bearer {token}")]))


def service(connection, request, _):
    path = request.split()[1]
    if path == "/broken":
        return
    if path == "/waits":
        try:
            connection.settimeout(10)
            connection.recv(1)
        except OSError:
            pass
        return
    connection.sendall(OK)


@pytest.fixture(scope="module")
def production():
    """What four processes in production wrote from their start to their end, and the platform."""
    ports = free_ports(2)
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": "https://api.example.com", "LOG_LEVEL": "debug"}
    platform = Production(ports, **settings)
    with Upstream(service) as upstream:
        with platform:
            gateway = f"http://127.0.0.1:{ports[0]}"
            ask = lambda method, path, body=None, token=None: call(method, f"{gateway}{path}", body, token, HTTPS)
            token = platform.owner_of("teahouse", ask)
            platform.register("tea", upstream.port)
            wait_for("the service", lambda: ask("GET", "/api/tea/", token=token).status == 200)
            mistakes(gateway, token, HTTPS)
            used_twice(ask)
            call("GET", f"{platform.registry}/metrics", token=platform.metrics_token)
            call("GET", f"{platform.registry}/metrics", token="no-metrics-token-at-all")
            # The registry dies under the gateways, and comes back.
            registry = platform.processes[0]
            registry.started.kill()
            registry.started.wait(10)
            wait_for("a word about the stream", lambda: "stream is away" in platform.gateways[1].text())
        platform.lines = [line for process in platform.processes for line in process.lines if line]
    return platform


def used_twice(ask):
    """A refresh token's second use ends its session, which the log tells."""
    login = {"email": "owner@teahouse.example", "password": "a kettle and teahouse leaves"}
    given = ask("POST", "/api/core/v1/auth/login", login).json()["refresh_token"]
    statuses = [ask("POST", "/api/core/v1/auth/refresh", {"refresh_token": given}).status for _ in range(2)]
    assert statuses == [200, 401], statuses


def test_every_line_of_production_is_what_the_schema_says(production):
    """Standard error counts as well: containers' collectors do not tell it from standard output."""
    assert len(production.lines) > 80
    lines = [validate(line) for line in production.lines]
    seen = {name for line in lines for name in line}
    assert {"client.ip", "user.id", "tenant.id", "session.id", "upstream.service", "error.code", "error.message", "http.route",
            "trace.id", "span.id", "request_id", "event.duration", "labels.service"} <= seen, seen
    assert {line["log.level"] for line in lines} >= {"debug", "info", "warn"}
    assert {line["service.name"] for line in lines} == {"registry", "gateway", "core"}
    access = [line for line in lines if line["log.logger"] == "saas_gateway::access"]
    assert {"203.0.113.7"} <= {line["client.ip"] for line in access if "client.ip" in line}
    assert {499, 502, 401, 404} <= {line["http.response.status_code"] for line in access}


def test_a_request_is_one_trace_through_the_services(production):
    lines = [json.loads(line) for line in production.lines]
    [login] = [line for line in lines if line["service.name"] == "core" and line.get("url.path") == "/v1/tenants"]
    both = {line["service.name"] for line in lines if line.get("trace.id") == login["trace.id"]}
    assert {"gateway", "core"} <= both
    assert {line["request_id"] for line in lines if line.get("trace.id") == login["trace.id"]} == {login["request_id"]}


def test_one_process_through_a_database_that_goes_away(tmp_path):
    cable = Cable(new_database())
    database, redis = cable.url, os.environ["SAAS_TEST_REDIS_URL"]
    assert passwords_of(database), "without a password this would tell nothing"
    kept_secret.remember(*passwords_of(database, redis))
    settings = {"LOG_FORMAT": "json", "LOG_LEVEL": "trace", "DATABASE_URL": database, "REDIS_URL": redis, "DATABASE_MIN_CONNECTIONS": "1"}
    with Platform(**settings) as platform:
        platform.one_time_password()
        token = platform.sign_up("logs")["access_token"]
        with Upstream(service) as upstream:
            upstream.register(platform, "tea")
            platform.wait_for("the service", lambda: call("GET", f"{platform.api}/tea/", token=token).status == 200)
            mistakes(platform.gateway, token, {})
        cable.pull()
        platform.wait_for("503", lambda: call("GET", f"{platform.core}/health/ready").status == 503)
        call("POST", f"{platform.api}/core/v1/auth/login", {"email": "a@b.example", "password": "nobody's password"})
        cable.put_back()
        platform.wait_for("readiness", lambda: call("GET", f"{platform.core}/health/ready").status == 200)
    said = [line for line in platform.lines if line.startswith("{")]
    assert len(said) > 200
    levels = {validate(line)["log.level"] for line in said}
    assert {"trace", "warn"} <= levels
    # Beside it there is what a person reads at the start, and nothing else.
    beside = [line for line in platform.lines if line.strip() and not line.startswith(("{", "  "))]
    assert beside == []


def test_the_first_password_is_not_in_productions_log():
    """It lies in a file for one reader, and is printed once, to whoever asks."""
    [port] = free_ports(1)
    with Production([port], ADMIN_PASSWORD="", TRUSTED_PROXIES="127.0.0.1", PUBLIC_URL="https://api.example.com") as platform:
        data = pathlib.Path(platform.folder.name) / "core"
        kept = data / "one-time-password"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        command = [BINARY, "one-time-password"]
        environment = platform.environment(DATA_DIR=str(data))
        ask = lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        password = ask().stdout.strip()
        kept_secret.remember(password)
        assert len(password) >= 20 and password not in platform.text()
        login = {"email": "admin@example.com", "password": password}
        signed_in = call("POST", f"http://127.0.0.1:{port}/api/core/v1/auth/login", login, headers=HTTPS)
        assert signed_in.status == 200, signed_in
        again = ask()
        assert not kept.exists() and again.returncode == 1 and "no one-time password" in again.stderr, again
        told = [json.loads(line) for line in platform.processes[1].lines if "first start" in line]
        assert [line["log.level"] for line in told] == ["warn"] and "one-time-password" in told[0]["message"]


def test_the_search_finds_what_is_told():
    """The check that no secret is in a log finds one that is."""
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTlhIn0.c2lnbmF0dXJlLW9mLWEtdGVzdA"
    phrase, plain = "four blue saucers, whole", "0123456789abcdef-only-for-this-test"
    kept_secret.remember(token, phrase, plain, "short")
    for secret in (token, phrase, plain):
        assert kept_secret.found_in(f'{{"message":"it was {secret}!"}}') == [secret]
    # The signature alone is enough; what every token begins with is not.
    assert kept_secret.found_in("…c2lnbmF0dXJlLW9mLWEtdGVzdA…") == [token]
    assert kept_secret.found_in("eyJhbGciOiJFZERTQSJ9 short") == []
    body = json.dumps({"items": [{"one_time_password": "abcde-fghij-klmno-pqrst"}]}).encode()
    kept_secret.remember_exchange(None, [("Cookie", "a=b; session=0011223344556677")], body, [("Set-Cookie", "c=8899aabbccddeeff; Path=/")])
    assert len(kept_secret.found_in("abcde-fghij-klmno-pqrst 0011223344556677 8899aabbccddeeff")) == 3


def test_the_platform_refuses_to_end_with_a_secret_in_its_log():
    with pytest.raises(AssertionError, match="in the log"), Platform() as platform:
        kept_secret.remember("a-secret-that-got-into-a-path")
        call("GET", f"{platform.gateway}/api/a-secret-that-got-into-a-path/v1")
        platform.wait_for("the line", lambda: "a-secret-that" in platform.text())
    kept_secret.forget("a-secret-that-got-into-a-path")
