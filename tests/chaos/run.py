"""One form of the platform, from its start through all that is done to it to the last look."""

import collections
import re
import time

from certificates import WITHIN
from checks import Checks
from clients import EVERYTHING, Load
from deployment import Distributed, OneProcess
from ledger import Ledger
from servers import wait_for

# A gateway tells what it counted every ten seconds.
TELLS = 12.0


class Stage:
    def __init__(self, form, rng, is_short, logs):
        self.form, self.rng, self.is_short, self.logs = form, rng, is_short, logs
        self.ledger, self.rows, self.wrong, self.spans = Ledger(), [], [], []

    def run(self, kinds, seconds):
        """Every kind once in the order given, or, for so many seconds, all of them again and again in random order."""
        with {"distributed": Distributed, "one process": OneProcess}[self.form]() as what:
            self.what = what
            load = Load(what, self.ledger)
            self.checks = Checks(what, load, self.ledger)
            wait_for("the services", lambda: self.checks.is_well())
            begun = time.monotonic()
            try:
                with load:
                    time.sleep(1.5)
                    self.settle("nothing was done yet", begun)
                    for kind in self.plan(kinds, seconds, begun):
                        self.one(kind(what, self.rng))
                    self.last_words()
                    self.certificate()
                self.ending()
            finally:
                what.keep_logs(self.logs)
        return self.rows

    def plan(self, kinds, seconds, begun):
        if seconds is None:
            yield from kinds
            return
        while True:
            for kind in self.rng.sample(kinds, len(kinds)):
                if time.monotonic() - begun > seconds:
                    return
                yield kind

    def one(self, fault):
        time.sleep(self.rng.uniform(0.2, 0.8 if self.is_short else 4))
        if self.what.certificates:
            self.what.certificates.step()
        lasts = self.rng.uniform(*fault.lasts)
        if self.is_short:
            # Longer than the second after which trust goes stale.
            lasts = fault.lasts[0] * 0.6
        self.ledger.also = fault.also
        before = sum(self.ledger.counts.values())
        begun = time.monotonic()
        fault.inject()
        fault.during(lasts)
        ended = time.monotonic()
        fault.heal()
        healed = self.checks.healed(ended, fault.healed_within)
        until = time.monotonic()
        self.spans.append((begun, until, fault))
        self.note_untold(fault, begun, until)
        if healed is None:
            self.ledger.violation(f"not healed within {fault.healed_within} s")
        self.spared(fault, begun, until)
        self.ledger.also = frozenset()
        self.settle(fault.name, begun, until, ended - begun, healed, sum(self.ledger.counts.values()) - before)

    def note_untold(self, fault, begun, until):
        """Whose figures may be missing."""
        kind = type(fault).__name__
        if kind in ("GatewayKilled", "UpKilled"):
            self.checks.untold.append((*fault.touched, self.checks.told_until, until))
        if kind in ("GatewayClock", "UpClock"):
            # Of a time that has not come yet core keeps no figures.
            self.checks.untold.append((*fault.touched, begun - TELLS, until + TELLS))

    def spared(self, fault, begun, until):
        failed = self.ledger.failures(begun, until, fault.spares, fault.touched)
        if failed:
            kinds = dict(collections.Counter(each.kind for each in failed))
            first = failed[0]
            self.ledger.violation(f"spared and failed all the same: {kinds}, the first {first.at - begun:+.1f} s: {first.kind} {first.what}")

    def settle(self, name, begun, until=None, lasted=0.0, healed=0.0, requests=0):
        until = until or time.monotonic()
        checks = self.checks
        todo = [checks.nothing_is_lost, checks.nobody_comes_back, checks.services_counted]
        if not self.is_short:
            # It has to wait for what gateways tell every ten seconds; the short form does so in the end alone.
            todo.append(lambda: checks.platform_counted(until))
        for check in todo:
            try:
                check()
            except AssertionError as error:
                self.ledger.violation(f"{check}: {error}")
        # Who asked while all was well is answered.
        excused = [(since, end) for since, end, fault in self.spans if fault.severs_trust]
        revoked, severed = checks.revocations(excused)
        wrong = self.new_violations()
        failed = self.ledger.failures(begun, until, EVERYTHING)
        kinds = dict(collections.Counter(each.kind for each in failed))
        self.rows.append({
            "form": self.form, "fault": name, "lasted": round(lasted, 1), "healed": None if healed is None else round(healed, 2),
            "requests": requests, "failed": len(failed), "failed_by_kind": kinds,
            "said": dict(collections.Counter(each.what[:160] for each in failed).most_common(4)),
            "revoked": round(revoked, 2), "severed": round(severed, 2), "wrong": wrong,
        })
        took = "did not heal" if healed is None else f"healed in {healed:.1f} s"
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {took}, {len(failed)} failed {kinds or ''}", flush=True)
        for what in wrong[:8]:
            print(f"       {what[:600]}", flush=True)

    def new_violations(self):
        found, self.ledger.violations = self.ledger.violations, []
        # The same over and over, with other identifiers in it, is told once.
        return list({re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d+", "_", what): what for _, what in found}.values())

    def last_words(self):
        """Between the faults, when everything was well, nothing failed at all."""
        calm = list(self.ledger.failed)
        for begun, until, _ in self.spans:
            calm = [each for each in calm if each.came < begun or each.at >= until]
        if calm:
            self.ledger.violation(f"{len(calm)} requests failed while nothing was done, the first: {calm[0].kind} {calm[0].what}")

    def certificate(self):
        """The old one ended long ago, and was shown all the same; the new one is shown by now, or soon."""
        certificates = self.what.certificates
        if certificates is None:
            return
        begun = time.monotonic()
        while not certificates.step() and time.monotonic() < begun + WITHIN:
            time.sleep(0.5)
        self.settle("a certificate ended and was replaced", begun, healed=certificates.shown_after)
        if certificates.shown_after is None or certificates.shown_after > WITHIN:
            self.ledger.violation(f"the new certificate was shown after {certificates.shown_after} s")

    def ending(self):
        """With the load gone, everything that was told is counted, and nobody has panicked."""
        least, figures, most = self.checks.platform_counted(time.monotonic())
        for member in self.what.services + list(reversed(self.what.members)):
            try:
                member.stop()
            except AssertionError as error:
                self.ledger.violation(str(error))
        for what in self.what.wrong_in_logs()[:10]:
            self.ledger.violation(what[:500])
        self.wrong = self.new_violations()
        print(f"{'FAIL' if self.wrong else 'ok  '} in the end, {self.form}: {figures} calls counted of {most}, {least} at least", flush=True)
        for what in self.wrong:
            print(f"       {what[:600]}", flush=True)
