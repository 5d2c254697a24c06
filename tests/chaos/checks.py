"""What must hold after each fault."""

import math
import time

from caller import Caller
from clients import BOUND, BOUND_SEVERED

# So many rounds one after the other have to be good.
ROUNDS = 5


class Checks:
    def __init__(self, deployment, load, ledger):
        self.what, self.load, self.ledger = deployment, load, ledger
        self.callers = [Caller([port], timeout=6) for port in deployment.gateways]
        # Our own calls of billing, which the platform counts as well, and spans whose use a gateway never told.
        self.probes, self.untold, self.told_until = [], [], time.monotonic()

    def is_well(self):
        """One round: everything that there is, through every gateway."""
        tenant, operator = self.load.tenants[0], self.load.operator
        asked = [
            ("/api/orders/whoami", tenant.token), ("/api/billing/whoami", tenant.token),
            ("/api/core/v1/me", tenant.token), ("/api/core/v1/sessions", tenant.token), ("/api/registry/v1/services", operator),
        ]
        if not all(member.is_ready() for member in self.what.members):
            return False
        return all(self.probe(caller, path, token) for caller in self.callers for path, token in asked)

    def probe(self, caller, path, token):
        answer = caller.ask("GET", path, token=token)
        if "/billing/" in path:
            self.probes.append((None, None, answer.status == 200, answer.gateway, answer.sent, answer.came))
        return answer.status == 200

    def healed(self, since, within):
        """Seconds from `since` to the first of the good rounds, or None."""
        good, began = 0, None
        while good < ROUNDS:
            now = time.monotonic()
            for member in self.what.ended_by_themselves():
                self.ledger.violation(f"{member.name} ended by itself with {member.status()}: {member.lines[-3:]}")
                member.start()
            if self.is_well():
                began, good = began or now, good + 1
            else:
                began, good = None, 0
                if now - since > within:
                    return None
            time.sleep(0.05)
        return began - since

    def pages(self, path):
        found, cursor = {}, ""
        while cursor is not None:
            answer = self.callers[0].ask("GET", path + (f"&cursor={cursor}" if cursor else ""), token=self.load.operator)
            assert answer.status == 200, answer
            page = answer.json()
            found |= {item["id"]: item for item in page["items"]}
            cursor = page["next_cursor"]
        return found

    def nothing_is_lost(self):
        ledger = self.ledger
        # What was acknowledged while the list is read may be in it or not.
        there, removed, named = set(ledger.there), set(ledger.removed), dict(ledger.named)
        tenants, routes = self.pages("/api/core/v1/tenants?limit=200"), self.pages("/api/registry/v1/routes?limit=200")
        now = set(ledger.there)
        lost = [what for what in there & now if what[1] not in (tenants if what[0] == "tenant" else routes)]
        if lost:
            ledger.violation(f"{len(lost)} acknowledged writes are not there: {lost[:3]}")
        if back := [what for what in removed if what[1] in routes]:
            ledger.violation(f"routes that were taken away are there again: {back[:3]}")
        for tenant in self.load.tenants:
            for caller in self.callers:
                # Each gateway asks either core; several times, so that both are asked.
                for _ in range(4):
                    sure, most = named.get(tenant.id, 0), None
                    answer = caller.ask("GET", f"/api/core/v1/tenants/{tenant.id}", token=tenant.token)
                    assert answer.status == 200, answer
                    most = ledger.sent.get(tenant.id, 0)
                    number = int(answer.json()["name"].rpartition(" ")[2]) if named.get(tenant.id) else 0
                    if not sure <= number <= most and number not in ledger.doubtful[tenant.id]:
                        ledger.violation(f"the name of {tenant.name} is number {number}; {sure} was acknowledged, {most} sent")

    def nobody_comes_back(self, newest=8):
        for token in self.ledger.revoked[-newest:]:
            for caller in self.callers:
                for path in ("/api/orders/whoami", "/api/core/v1/me"):
                    answer = caller.ask("GET", path, token=token)
                    # 429: so many tokens that are none, from one address.
                    if answer.status not in (401, 429):
                        self.ledger.violation(f"a revoked token is answered {answer.status} at {path} when all is well again")

    def revocations(self, excused):
        """The latest use of a revoked token: while connected, and where a fault excused more."""
        connected, severed = 0.0, 0.0
        accepted, self.ledger.accepted = self.ledger.accepted, []
        for sent, after, strict, gateway in accepted:
            is_excused = any(since - 1 <= sent < until for since, until in excused)
            if is_excused:
                severed = max(severed, after)
            else:
                connected = max(connected, after)
            if after > (BOUND_SEVERED if strict else math.inf) if is_excused else after > BOUND:
                kind = "strict" if strict else "business"
                self.ledger.violation(f"a revoked token was accepted {after:.2f} s later ({kind}, gateway {gateway})")
        return connected, severed

    def services_counted(self):
        """What was acknowledged was counted once, for whom it was; what was not, once at most."""
        calls, counted = list(self.ledger.calls), self.what.counted()
        for number, tenant, is_told, *_ in calls:
            seen = counted.get(str(number), [])
            if (is_told and seen != [tenant]) or len(seen) > 1 or set(seen) - {tenant}:
                self.ledger.violation(f"call {number} of {tenant}, {'answered' if is_told else 'not answered'}, was counted as {seen}")

    def platform_counted(self, before):
        """The figures in core: every call once. Missing is only what a gateway that was killed had not told.
        What came until `before` is told within ten seconds, and whatever core takes to be there again."""
        deadline = time.monotonic() + 45
        while True:
            calls = list(self.ledger.calls) + list(self.probes)
            least = sum(1 for call in calls if call[2] and call[5] < before and not self._is_untold(call))
            figures = self._figures()
            # Calls that were made while the figures were read.
            most = len(self.ledger.calls) + len(self.probes)
            if figures >= least or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        if not least <= figures <= most:
            self.ledger.violation(f"billing was called {most} times, {least} of which must be counted; core counted {figures}")
        # From here on a gateway that is killed takes nothing of that along.
        self.told_until = before
        return least, figures, most

    def _is_untold(self, call):
        _, _, _, gateway, sent, came = call
        return any(whose in (None, gateway) and since <= came and sent <= until for whose, since, until in self.untold)

    def _figures(self):
        answer = self.callers[0].ask("GET", "/api/core/v1/traffic?minutes=1440", token=self.load.operator)
        assert answer.status == 200, answer
        return sum(point["requests"] for point in answer.json()["points"] if point["service"] == "billing")
