"""What the clients were told, and what must be so for that reason."""

import collections
import json
import threading
import time

Failed = collections.namedtuple("Failed", "at came kind what gateway")
# What a client may be told while something is away: the problem, and when to come again.
EXCUSED = {429, 502, 503, 504}


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.failed, self.violations = collections.Counter(), [], []
        # What was acknowledged, as (kind, identifier).
        self.there, self.removed = set(), set()
        # The number in each name that was acknowledged last, the largest that was sent, and those
        # of which nobody knows: one may have lain in a frozen process and be done long after.
        self.named, self.sent, self.doubtful = {}, {}, collections.defaultdict(set)
        # What a fault excuses beside the usual.
        self.also = frozenset()
        # Calls that the services count: who made them, what was acknowledged, and when.
        self.calls, self.numbers = [], 0
        self.accepted = []
        self.revoked = []

    def violation(self, what):
        self.violations.append((time.monotonic(), what))

    def number(self):
        with self.lock:
            self.numbers += 1
            return self.numbers

    def judge(self, kind, outcome, *good):
        """Whether it was answered well. Anything but an excuse in its place is a violation."""
        self.counts[kind] += 1
        if outcome.status in good:
            return True
        what = outcome.error or f"{outcome.status} {outcome.body[:300].decode(errors='replace')}"
        self.failed.append(Failed(outcome.sent, outcome.came, kind, what, outcome.gateway))
        if outcome.status is not None:
            wrong = self._wrong_with(outcome)
            if wrong:
                self.violation(f"{kind}: {wrong}: {what}")
        return False

    def _wrong_with(self, outcome):
        if outcome.status in self.also:
            return None
        if outcome.status not in EXCUSED:
            return "an answer that nothing excuses"
        if outcome.headers.get("Content-Type") != "application/problem+json":
            return "a failure without problem+json"
        if outcome.status in (429, 503) and not outcome.headers.get("Retry-After"):
            return "without Retry-After"
        try:
            said = json.loads(outcome.body)
        except ValueError:
            return "a body that is not JSON"
        return None if said.get("status") == outcome.status and said.get("code") else "a problem without its code"

    def expect(self, condition, what):
        if not condition:
            self.violation(what)

    def failures(self, since, until, kinds=None, but_of=()):
        """Of those under way at some time in between."""
        return [each for each in list(self.failed) if each.came >= since and each.at < until
                and (kinds is None or each.kind in kinds) and each.gateway not in but_of]
