"""Counts a service's requests for Prometheus, under the names the platform's own services use.

    metrics = Metrics()
    metrics.record("GET", "/v1/orders/{id}", 200, 0.004)
    metrics.text()           # what GET /metrics answers

The endpoint is a template and never the path that was asked for: each new value is a time
series for ever.
"""

import bisect
import threading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    def __init__(self):
        self._lock = threading.Lock()
        self._requests = {}  # (method, endpoint, status) -> count
        self._durations = {}  # (method, endpoint) -> [count of each bucket, sum]

    def record(self, method, endpoint, status, seconds):
        with self._lock:
            key = (method, endpoint, status)
            self._requests[key] = self._requests.get(key, 0) + 1
            found = self._durations.setdefault(key[:2], [[0] * (len(BOUNDS) + 1), 0.0])
            found[0][bisect.bisect_left(BOUNDS, seconds)] += 1
            found[1] += seconds

    def text(self):
        with self._lock:
            return "".join([*self._counter(), *self._histogram()])

    def _counter(self):
        yield "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n"
        for (method, endpoint, status), count in sorted(self._requests.items()):
            yield f'http_requests_total{{{labels(method, endpoint)},status="{status}"}} {count}\n'

    def _histogram(self):
        name = "http_request_duration_seconds"
        yield f"# HELP {name} How long requests took.\n# TYPE {name} histogram\n"
        for (method, endpoint), (buckets, total) in sorted(self._durations.items()):
            told, so_far = labels(method, endpoint), 0
            for bound, count in zip((*BOUNDS, "+Inf"), buckets):
                so_far += count
                yield f'{name}_bucket{{{told},le="{bound}"}} {so_far}\n'
            yield f"{name}_sum{{{told}}} {total}\n{name}_count{{{told}}} {so_far}\n"


def labels(method, endpoint):
    return f'method="{method}",endpoint="{endpoint}"'
