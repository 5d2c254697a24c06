"""Requests that come in while something is done to the platform."""

import collections
import http.client
import threading
import time

from client import ADMIN, API
from engine import wait

Failed = collections.namedtuple("Failed", "kind wrong began ended")


class Load:
    """Requests of several kinds, each kind from two connections, about ninety a second in all: well
    below the limit of requests for an address. Kinds: `business` reads and writes orders, `core` asks for
    what it caches and for what only the database knows, `console` fetches the page.

    Nothing is asked a second time, but for one thing that browsers do too (RFC 9112, 9.3.1): the page, when
    a connection that was kept turns out to be closed before anything came. nginx closes those when it quits,
    and the edge's stand-in then closes its client's, where Traefik would ask anew itself."""

    PAUSE = 0.06

    def __init__(self, platform, token):
        self.platform = platform
        self.ended, self.counts, self.failures = threading.Event(), collections.Counter(), []
        self.slowest, self.repeated = collections.Counter(), 0
        kinds = {
            "business": lambda c, n: c.call("POST", "/api/orders/v1/orders", {"item": "tea", "quantity": 1}, token)
            if n % 4 == 0 else c.call("GET", "/api/orders/whoami", token=token),
            "core": lambda c, n: c.call("GET", f"/api/core/v1/{'me' if n % 2 else 'sessions'}", token=token),
            "console": lambda c, n: c.call("GET", "/"),
        }
        self.threads = [
            threading.Thread(target=self._run, args=(kind, ask), daemon=True) for kind, ask in kinds.items() for _ in range(2)
        ]

    def __enter__(self):
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        wait("the load", lambda: len(self.counts) == 3, 20)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    @property
    def total(self):
        return sum(self.counts.values())

    def wait_for_more(self, number, seconds=120):
        before = self.total
        wait(f"{number} more requests", lambda: self.total >= before + number, seconds)

    def _run(self, kind, ask):
        connection, number = self.platform.connection(ADMIN if kind == "console" else API), 0
        while not self.ended.wait(self.PAUSE):
            number += 1
            began = time.monotonic()
            try:
                try:
                    answer = ask(connection, number)
                except (http.client.RemoteDisconnected, ConnectionResetError):
                    if kind != "console" or number == 1:
                        raise
                    connection.close()
                    self.repeated += 1
                    answer = ask(connection, number)
                wrong = None if answer.status in (200, 201) else f"{answer.status} {answer.body[:200]!r}"
                if answer.status == 503 and not answer.headers["Retry-After"]:
                    wrong += " without Retry-After"
            except (OSError, http.client.HTTPException) as error:
                wrong = repr(error)
                connection.close()
            ended = time.monotonic()
            self.slowest[kind] = max(self.slowest[kind], ended - began)
            self.counts[kind] += 1
            if wrong:
                self.failures.append(Failed(kind, wrong, round(began - self.began, 2), round(ended - self.began, 2)))

    def away(self, kind):
        """Seconds from the first request of a kind that failed to the end of the last."""
        failed = [each for each in self.failures if each.kind == kind]
        return max(each.ended for each in failed) - min(each.began for each in failed) if failed else 0

    def expect_none_failed(self, but=lambda failed: False):
        left = [failed for failed in self.failures if not but(failed)]
        if left:
            raise AssertionError(f"{len(left)} of {self.total} requests failed: {left[:5]} … {left[-1]}")
