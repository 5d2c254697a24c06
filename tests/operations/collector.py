"""A collector of traces: takes OTLP over HTTP in its binary form, and keeps what came."""

import gzip
import http.server
import ssl
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

WAIT_SECONDS = 20
KINDS = {1: "internal", 2: "server", 3: "client"}


def plain(value):
    """An attribute's value as Python has it."""
    kind = value.WhichOneof("value")
    assert kind in ("string_value", "int_value", "bool_value", "double_value"), kind
    return getattr(value, kind)


def attributes(pairs):
    names = [pair.key for pair in pairs]
    assert len(names) == len(set(names)), f"an attribute twice: {names}"
    return {pair.key: plain(pair.value) for pair in pairs}


class Span:
    def __init__(self, resource, sent):
        self.resource = resource
        self.service = resource["service.name"]
        self.trace, self.id, self.parent = sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex()
        self.name, self.kind = sent.name, KINDS[sent.kind]
        self.start, self.end = sent.start_time_unix_nano, sent.end_time_unix_nano
        self.attributes = attributes(sent.attributes)
        self.is_error = sent.status.code == 2
        self.is_parent_remote = bool(sent.flags & 0x200)
        assert len(sent.trace_id) == 16 and len(sent.span_id) == 8 and len(sent.parent_span_id) in (0, 8)
        assert sent.flags & 0x101 == 0x101, "sampled, and it is known whether the parent is remote"

    def __repr__(self):
        return f"{self.service}: {self.name} {self.attributes}"


class Collector:
    """Started by `with`. `answer(number)` gives status and headers for each request, 200 unless set.
    With a certificate and its key, it is reached by https alone."""

    def __init__(self, port=0, answer=lambda number: (200, {}), certificate=None):
        self.answer, self.spans, self.bodies, self.headers = answer, [], [], []
        self.changed = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                collector._take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self.changed:
            self.bodies.append(body)
            self.headers.append((request.path, dict(request.headers.items())))
            status, headers = self.answer(len(self.bodies))
            if status == 200:
                self.spans.extend(self._read(body))
            self.changed.notify_all()
        said = headers.pop("body", None) or ExportTraceServiceResponse().SerializeToString()
        request.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(said))}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(said)

    @staticmethod
    def _read(body):
        sent = ExportTraceServiceRequest.FromString(body)
        for of_resource in sent.resource_spans:
            resource = attributes(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                assert of_scope.scope.name == "saas"
                yield from (Span(resource, span) for span in of_scope.spans)

    def wait_for(self, what, condition):
        """Whatever `condition(spans)` gives once it is true."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self.changed:
            while not (found := condition(self.spans)):
                left = deadline - time.monotonic()
                assert left > 0, f"{what} did not come: {self.spans}"
                self.changed.wait(left)
            return found

    def trace(self, trace, *, whole):
        """The spans of a trace, once `whole(spans)` says that all are there."""

        def of_trace(spans):
            own = [span for span in spans if span.trace == trace]
            return own if own and whole(own) else None

        return self.wait_for(f"the trace {trace}", of_trace)
