"""Traces: one request is one trace, from the gateway to the database, at a real collector."""

import contextlib
import json
import re
import socket
import subprocess
import threading

import kept_secret
import pytest
from collector import Collector
from edge import free_ports
from production import Production, wait_for
from running_platform import ROOT, Platform, call
from upstream import Upstream, reachable

API_KEY = "collector-key-8e21c07d5a"
QUERY, IN_PATH, STATE = "query-secret-90fd31c2", "path-secret-5511ab0f", "vendor=state-secret-77c1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
FORMS = ["one process", "processes on PostgreSQL"]
# Beside what `kept_secret` knows: whatever the tests wrote into addresses and headers, and who asked.
NEVER = re.compile("|".join((QUERY, IN_PATH, "state-secret", API_KEY, r"owner@", "teahouse", r"203\.0\.113")).encode())


class Flaky:
    """Answers, but for the first request to `/flaky`, whose connection it closes."""

    def __init__(self):
        self.flaked = False

    def __call__(self, connection, head, _):
        if "/flaky" in head and not self.flaked:
            self.flaked = True
            return
        connection.sendall(OK)


class Site:
    """A platform in either form, a business service `tea`, and somebody who may call it."""

    def __init__(self, ask, gateway, metrics, text):
        self.ask, self.gateway, self.metrics, self.text = ask, gateway, metrics, text


def settings_for(collector, **more):
    kept_secret.remember(API_KEY)
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector if isinstance(collector, str) else collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={API_KEY}",
    } | more


@contextlib.contextmanager
def one_process(**settings):
    with Upstream(Flaky()) as tea, Platform(**settings) as platform:
        token = platform.sign_up("teahouse")["access_token"]
        tea.register(platform, "tea")
        reachable(platform, "/api/tea/", token)
        ask = lambda method, path, body=None, token=token, **headers: call(
            method, f"{platform.gateway}{path}", body, token, headers
        )
        metrics = lambda: call("GET", f"{platform.gateway}/metrics").body.decode()
        site = Site(ask, platform.gateway, metrics, platform.text)
        site.tea, site.platform = tea, platform
        yield site


@contextlib.contextmanager
def processes(**settings):
    ports = free_ports(1)
    production = Production(ports, TRUSTED_PROXIES="127.0.0.1", PUBLIC_URL="https://api.example.com", **settings)
    gateway = f"http://127.0.0.1:{ports[0]}"
    with Upstream(Flaky()) as tea, production:
        ask = lambda method, path, body=None, token=None: call(method, f"{gateway}{path}", body, token, HTTPS)
        token = production.owner_of("teahouse", ask)
        production.register("tea", tea.port)
        wait_for("the service", lambda: ask("GET", "/api/tea/", token=token).status == 200)
        with_token = lambda method, path, body=None, token=token, **headers: call(
            method, f"{gateway}{path}", body, token, HTTPS | headers
        )
        metrics = lambda: call("GET", f"{gateway}/metrics", token=production.metrics_token).body.decode()
        text = lambda: "\n".join(process.text() for process in production.processes)
        site = Site(with_token, gateway, metrics, text)
        site.tea, site.platform = tea, production
        yield site


def started(form, **settings):
    return (one_process if form == FORMS[0] else processes)(**settings)


@pytest.fixture(scope="module", params=FORMS)
def traced(request):
    with Collector() as collector, started(request.param, **settings_for(collector)) as site:
        site.collector, site.form = collector, request.param
        yield site


def place(answer_or_text):
    """Trace, span and whether it is recorded, of a `traceparent`."""
    text = answer_or_text if isinstance(answer_or_text, str) else answer_or_text.headers["traceparent"]
    version, trace, span, flags = text.split("-")
    assert version == "00" and len(trace) == 32 and len(span) == 16
    return trace, span, flags == "01"


def told(head, name):
    """A header of a request as the service got it."""
    found = re.findall(rf"^{name}: (.*?)\r?$", head, re.I | re.M)
    assert len(found) <= 1, found
    return found[0] if found else None


def servers(*services):
    return lambda spans: {(each, "server") for each in services} <= {(span.service, span.kind) for span in spans}


def only(spans, **wanted):
    [found] = [span for span in spans if all(getattr(span, name) == value for name, value in wanted.items())]
    return found


def test_one_request_is_one_trace_from_the_gateway_to_the_database(traced):
    person = {"email": "owner@teahouse.example", "password": "a kettle and teahouse leaves"}
    answer = traced.ask("POST", f"/api/core/v1/auth/login?from={QUERY}", person, token=None)
    assert answer.status == 200, answer
    trace, root_id, is_recorded = place(answer)
    assert is_recorded
    spans = traced.collector.trace(trace, whole=servers("gateway", "core"))

    root = only(spans, service="gateway", kind="server")
    assert (root.id, root.parent, root.name) == (root_id, "", "POST /api/{service}/*")
    secure = traced.form != FORMS[0]
    assert root.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/{service}/*",
        "http.response.status_code": 200,
        "url.scheme": "https" if secure else "http",
        "upstream.service": "core",
    }
    attempt = only(spans, service="gateway", kind="client")
    assert (attempt.parent, attempt.name) == (root.id, "POST")
    assert attempt.attributes["server.address"] == "127.0.0.1" and attempt.attributes["server.port"] > 0
    assert attempt.attributes["peer.service"] == "core" and attempt.attributes["http.response.status_code"] == 200
    core = only(spans, service="core", kind="server")
    assert core.parent == attempt.id and core.is_parent_remote and not attempt.is_parent_remote
    assert core.name == "POST /v1/auth/login" and core.attributes["http.route"] == "/v1/auth/login"
    assert core.attributes["http.response.status_code"] == 200

    transactions = [span for span in spans if span.kind == "internal"]
    assert transactions and all(span.parent == core.id and span.service == "core" for span in transactions)
    assert "committed" in {span.attributes.get("saas.transaction.outcome") for span in transactions}
    statements = [span for span in spans if span.kind == "client" and span.service == "core"]
    assert {span.parent for span in statements} == {span.id for span in transactions}
    assert "SELECT users" in {span.name for span in statements}
    for span in statements:
        name = " ".join(filter(None, (span.attributes["db.operation.name"], span.attributes.get("db.collection.name"))))
        assert span.name == name and re.fullmatch(r"[A-Z]+( [a-z_]+)?", name), span
    for span in transactions + statements:
        assert span.attributes["db.system.name"] == ("postgresql" if secure else "sqlite")
        assert span.attributes["db.namespace"].startswith("production_" if secure else "saas.db")
        assert ("server.port" in span.attributes) == secure
    assert len(spans) == 3 + len(transactions) + len(statements), spans

    # Who is below somebody begins and ends within.
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    for span in spans:
        assert span.start <= span.end and not span.is_error
        if span.parent:
            above = by_id[span.parent]
            slack = 5_000_000
            assert above.start - slack <= span.start and span.end <= above.end + slack, (above, span)


def test_it_is_said_who_sends(traced):
    answer = traced.ask("GET", "/api/core/v1/me")
    spans = traced.collector.trace(place(answer)[0], whole=servers("gateway", "core"))
    for span in spans:
        assert span.resource["deployment.environment.name"] == ("development" if traced.form == FORMS[0] else "production")
        assert re.fullmatch(r"[0-9a-f-]{36}", span.resource["service.instance.id"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", span.resource["service.version"])
    instances = {span.resource["service.instance.id"] for span in spans}
    assert len(instances) == (1 if traced.form == FORMS[0] else 2)
    for path, headers in traced.collector.headers:
        assert path == "/v1/traces" and headers["api-key"] == API_KEY
        assert headers["content-type"] == "application/x-protobuf"


def test_the_registry_joins_as_well(traced):
    answer = traced.ask("GET", "/api/registry/v1/services")
    assert answer.status in (200, 403), answer
    spans = traced.collector.trace(place(answer)[0], whole=servers("gateway", "registry"))
    attempt = only(spans, service="gateway", kind="client")
    registry = only(spans, service="registry", kind="server")
    assert registry.parent == attempt.id and registry.name == "GET /v1/services"


def test_a_business_service_is_told_where_its_spans_belong(traced):
    answer = traced.ask("GET", f"/api/tea/orders/{IN_PATH}?access_token={QUERY}", tracestate=STATE)
    trace, root_id, _ = place(answer)
    head = traced.tea.heads[-1]
    assert IN_PATH in head
    attempt = only(traced.collector.trace(trace, whole=servers("gateway")), kind="client")
    assert place(told(head, "traceparent")) == (trace, attempt.id, True) and attempt.parent == root_id
    assert attempt.attributes["peer.service"] == "tea" and attempt.attributes["upstream.instance"]
    # It belongs to a trace that nobody sent.
    assert told(head, "tracestate") is None


def test_a_trace_that_a_client_sends_goes_on(traced):
    given, above = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    answer = traced.ask("GET", "/api/tea/", traceparent=f"00-{given}-{above}-01", tracestate=STATE)
    trace, root_id, is_recorded = place(answer)
    assert trace == given and is_recorded
    spans = traced.collector.trace(trace, whole=servers("gateway"))
    root, attempt = only(spans, kind="server"), only(spans, kind="client")
    assert (root.id, root.parent, root.is_parent_remote) == (root_id, above, True)
    assert place(told(traced.tea.heads[-1], "traceparent")) == (given, attempt.id, True)
    assert told(traced.tea.heads[-1], "tracestate") == STATE


def test_a_client_that_does_not_record_is_believed(traced):
    given = "5cf92f3577b34da6a3ce929d0e0e4700"
    answer = traced.ask("GET", "/api/core/v1/me", traceparent=f"00-{given}-00f067aa0ba902b7-00")
    assert place(answer)[::2] == (given, False)
    traced.ask("GET", "/api/tea/", traceparent=f"00-{given}-00f067aa0ba902b7-00")
    assert place(told(traced.tea.heads[-1], "traceparent")) == (given, place(answer)[1], False) or not place(
        told(traced.tea.heads[-1], "traceparent")
    )[2]
    # What came later is there, so this would be.
    later = traced.ask("GET", "/api/core/v1/me")
    traced.collector.trace(place(later)[0], whole=servers("gateway", "core"))
    assert given not in {span.trace for span in traced.collector.spans}


def test_each_attempt_is_a_span(traced):
    answer = traced.ask("GET", "/api/tea/flaky")
    assert answer.status == 200, answer
    spans = traced.collector.trace(place(answer)[0], whole=servers("gateway"))
    first, second = sorted((span for span in spans if span.kind == "client"), key=lambda span: span.start)
    assert first.attributes["error.type"] == "reset" and first.is_error
    assert "http.request.resend_count" not in first.attributes and second.attributes["http.request.resend_count"] == 1
    assert not second.is_error and first.parent == second.parent
    told_each = [place(told(head, "traceparent"))[1] for head in traced.tea.heads[-2:]]
    assert told_each == [first.id, second.id]


def test_what_goes_wrong_is_told_in_a_word(traced):
    """A client's mistake is no error of the gateway, but its code is told."""
    answer = traced.ask("GET", f"/api/tea/{IN_PATH}", token="not.a.token-that-anybody-gave")
    assert answer.status == 401
    [span] = traced.collector.trace(place(answer)[0], whole=servers("gateway"))
    assert span.attributes["http.response.status_code"] == 401 and not span.is_error
    assert span.attributes["error.type"] == answer.json()["code"]
    unmatched = traced.ask("BREW", "/nowhere/" + IN_PATH)
    [span] = traced.collector.trace(place(unmatched)[0], whole=servers("gateway"))
    assert span.name == "_OTHER" and span.attributes["http.request.method"] == "_OTHER"


def test_nothing_is_sent_but_requests_and_nothing_of_what_was_in_them(traced):
    for path in ("/health", "/health/ready", "/metrics"):
        call("GET", f"{traced.gateway}{path}")
    last = traced.ask("GET", "/api/core/v1/me")
    traced.collector.trace(place(last)[0], whole=servers("gateway", "core"))
    for span in traced.collector.spans:
        assert span.parent or (span.service, span.kind) == ("gateway", "server"), span
        assert "/health" not in span.name and "/metrics" not in span.name and "/internal" not in span.name
    assert kept_secret.found_in(API_KEY) and traced.collector.bodies
    for body in traced.collector.bodies:
        assert not NEVER.search(body), NEVER.search(body)
        found = kept_secret.found_in(body.decode("latin-1"))
        assert not found, found


def test_metrics_tell_what_became_of_spans(traced):
    [exported] = re.findall(r"^trace_spans_exported_total (\d+)", traced.metrics(), re.M)
    arrived = sum(span.service == "gateway" for span in traced.collector.spans)
    assert 0 < int(exported) <= arrived
    assert "trace_export_failures_total 0" in traced.metrics()


def test_the_log_names_the_span():
    with Collector() as collector, one_process(**settings_for(collector), LOG_FORMAT="json") as site:
        trace, span, _ = place(site.ask("GET", "/api/core/v1/me"))
        of_trace = lambda: [line for line in site.platform.lines if trace in line]
        site.platform.wait_for("the lines", lambda: len(of_trace()) >= 2)
        lines = [json.loads(line) for line in of_trace()]
        gateways = [line for line in lines if line["log.logger"] == "saas_gateway::access"]
        assert [line["span.id"] for line in gateways] == [span]
        spans = collector.trace(trace, whole=servers("gateway", "core"))
        ids = {line["span.id"] for line in lines}
        assert ids == {each.id for each in spans if each.kind == "server"}


@pytest.mark.parametrize(
    ("sampler", "client_decides"),
    [("parentbased_traceidratio", True), ("traceidratio", False)],
)
def test_a_ratio_of_nothing_sends_nothing(sampler, client_decides):
    given = "6df92f3577b34da6a3ce929d0e0e4711"
    settings = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0"}
    with Collector() as collector:
        with one_process(**settings_for(collector), **settings) as site:
            answer = site.ask("GET", "/api/tea/")
            assert answer.status == 200 and not place(answer)[2]
            assert not place(told(site.tea.heads[-1], "traceparent"))[2]
            assert site.ask("GET", "/api/core/v1/me").status == 200
            site.ask("GET", "/api/tea/", traceparent=f"00-{given}-00f067aa0ba902b7-01")
            assert place(told(site.tea.heads[-1], "traceparent"))[2] == client_decides
        assert {span.trace for span in collector.spans} == ({given} if client_decides else set())
        assert len(collector.bodies) == client_decides


def test_a_stranger_does_not_choose_what_is_recorded_by_the_identifier():
    settings = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
    with Collector() as collector, one_process(**settings_for(collector), **settings) as site:
        # The lowest of all identifiers, which a ratio above nothing takes if it looks at it.
        chosen = f"00-{1:032x}-00f067aa0ba902b7-01"
        for _ in range(40):
            assert site.ask("GET", "/api/tea/", traceparent=chosen).status == 200
        flags = [place(told(head, "traceparent"))[2] for head in site.tea.heads[-40:]]
        # More than a dozen by chance: once in 10^13 runs.
        assert sum(flags) <= 12


def test_without_a_collector_traces_are_passed_on_as_ever():
    with one_process() as site:
        trace, span, is_recorded = place(site.ask("GET", "/api/tea/"))
        assert place(told(site.tea.heads[-1], "traceparent")) == (trace, span, is_recorded) and is_recorded
        assert "trace_spans" not in site.metrics()


def test_at_the_end_what_is_left_is_sent():
    with Collector() as collector:
        with one_process(**settings_for(collector)) as site:
            trace, *_ = place(site.ask("GET", "/api/core/v1/me"))
        spans = [span for span in collector.spans if span.trace == trace]
        assert servers("gateway", "core")(spans)


def certified(folder):
    """A certificate for this machine, its key, and the authority that vouches for it."""
    openssl = lambda *words: subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *fresh, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *fresh, "-subj", "/CN=collector", "-keyout", "collector.key", "-out", "collector.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    openssl("x509", "-req", "-in", "collector.csr", *sign, "-out", "collector.pem")
    return folder / "collector.pem", folder / "collector.key", folder / "ca.pem"


def test_a_collector_by_https_is_believed_by_its_authority(tmp_path):
    certificate, key, authority = certified(tmp_path)
    with Collector(certificate=(certificate, key)) as collector:
        with one_process(**settings_for(collector), TLS_CA_FILE=str(authority)) as site:
            collector.trace(place(site.ask("GET", "/api/core/v1/me"))[0], whole=servers("gateway", "core"))
            assert not warnings_in(site.text())
        # Nobody vouches for it.
        before = len(collector.bodies)
        with one_process(**settings_for(collector)) as site:
            assert site.ask("GET", "/api/core/v1/me").status == 200
            site.platform.wait_for("a warning", lambda: warnings_in(site.text()))
        assert len(collector.bodies) == before


def warnings_in(text):
    return [line for line in text.splitlines() if "collector of traces does not take them" in line]


def test_a_collector_that_is_away_harms_nobody_and_is_told_once():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with one_process(**settings_for(f"http://127.0.0.1:{port}")) as site:
        for _ in range(30):
            assert site.ask("GET", "/api/core/v1/me").status == 200
        failures = lambda: int(re.search(r"^trace_export_failures_total (\d+)", site.metrics(), re.M)[1])
        site.platform.wait_for("three failures", lambda: failures() >= 3)
        assert site.ask("GET", "/api/tea/").status == 200
        assert len(warnings_in(site.text())) == 1, site.text()
        with Collector(port) as collector:
            is_back = lambda: "the collector of traces takes them again" in site.text()
            site.platform.wait_for("the good news", is_back)
            answer = site.ask("GET", "/api/core/v1/me")
            collector.trace(place(answer)[0], whole=servers("gateway", "core"))
        assert len(warnings_in(site.text())) == 1


def test_a_collector_that_hangs_holds_up_nobody_and_not_the_end():
    held = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept_and_keep, args=[listener, held], daemon=True).start()
        with one_process(**settings_for(f"http://127.0.0.1:{listener.getsockname()[1]}")) as site:
            for _ in range(30):
                assert site.ask("GET", "/api/core/v1/me").status == 200
            site.platform.wait_for("a call of the collector", lambda: held)
            assert site.ask("GET", "/api/tea/").status == 200
        # `Platform` has seen that it ended cleanly, and in time.


def accept_and_keep(listener, held):
    with contextlib.suppress(OSError):
        while True:
            held.append(listener.accept())


def test_rubbish_from_a_collector_harms_nobody():
    answers = [(200, {"body": b"\xff<html>rubbish"}), (418, {}), (400, {"body": b"rubbish" * 100_000})]
    with Collector(answer=lambda number: answers[number % 3]) as collector, one_process(**settings_for(collector)) as site:
        for number in range(1, 7):
            assert site.ask("GET", "/api/core/v1/me").status == 200
            site.platform.wait_for("another export", lambda: len(collector.bodies) >= number)
        dropped = lambda: re.search(r'^trace_spans_dropped_total{kind="refused"} [1-9]', site.metrics(), re.M)
        site.platform.wait_for("what was refused", dropped)


def test_the_documents_say_what_is_sent():
    """Each attribute that was ever set stands in the document, in both languages."""
    sources = [*(ROOT / "backend").glob("*/src/**/*.rs")]
    text = "\n".join(path.read_text() for path in sources if path.name in ("spans.rs", "stack.rs", "span.rs", "otlp.rs"))
    names = set(re.findall(r'(?:with|set)\(\s*"([a-z_.]+\.[a-z_.]+)"', text)) | set(
        re.findall(r'"((?:service|deployment)\.[a-z.]+)"', text)
    )
    assert {"http.route", "db.query.summary", "service.instance.id", "error.type"} <= names
    for document in ("docs/TRACING.md", "docs/zh-CN/TRACING.md"):
        said = (ROOT / document).read_text()
        assert not [name for name in sorted(names) if f"`{name}`" not in said], document
