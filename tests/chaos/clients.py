"""The constant load: each client knows what it may be answered, and writes down what it was."""

import threading
import time

from caller import Caller
from deployment import PASSWORD

TENANTS = ("teahouse", "bookshop")
PAUSE = 0.1
# How long a revoked token is tried afterwards.
TRIED = 3.0
# The design promises a second; as much again for a machine that is busy.
BOUND = 2.0
# A core that is cut off from the database at just that moment goes on beating for a second and a half.
BOUND_SEVERED = BOUND + 1.5

BUSINESS = {"business-read", "business-write"}
CORE = {"core-read", "core-write", "sign-in"}
REGISTRY = {"registry-read", "registry-write"}
EVERYTHING = BUSINESS | CORE | REGISTRY


class Tenant:
    """Signed up, with its owner signed in."""

    def __init__(self, caller, name):
        self.name = name
        self.person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        made = caller.ask("POST", "/api/core/v1/auth/signup", self.person | {"name": "Owner", "tenant_name": name})
        assert made.status == 201, made
        self.token = sign_in(caller, self.person)
        self.id = caller.ask("GET", "/api/core/v1/me", token=self.token).json()["tenant"]["id"]


def sign_in(caller, person):
    answer = caller.ask("POST", "/api/core/v1/auth/login", person)
    assert answer.status == 200, answer
    return answer.json()["access_token"]


class Load:
    """Entered, everybody works until it is left."""

    def __init__(self, deployment, ledger):
        self.deployment, self.ledger = deployment, ledger
        caller = Caller(deployment.gateways)
        self.operator = sign_in(caller, {"email": "admin@localhost", "password": PASSWORD})
        self.tenants = [Tenant(caller, name) for name in TENANTS]
        self.ended = threading.Event()
        of_tenants = (BusinessReader, BusinessWriter, CoreReader, Renamer)
        whose = [(work, None) for work in (Routes, Tenants, Revoker)] + [(work, tenant) for tenant in self.tenants for work in of_tenants]
        self.clients = [work(self, index, tenant) for index, (work, tenant) in enumerate(whose)]

    def __enter__(self):
        for client in self.clients:
            client.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for client in self.clients:
            client.thread.join(60)


class Client:
    pause = PAUSE

    def __init__(self, load, index, tenant):
        self.load, self.ledger, self.tenant = load, load.ledger, tenant
        self.caller, self.turn = Caller(load.deployment.gateways, index), 0
        self.thread = threading.Thread(target=self._run, name=f"{type(self).__name__}-{index}", daemon=True)

    def _run(self):
        while not self.load.ended.wait(self.pause):
            self.turn += 1
            try:
                self.work()
            except Exception as error:  # A client that ended would make the rest of the run meaningless.
                self.ledger.violation(f"{self.thread.name}: {error!r}")

    def ask(self, method, path, body=None, token=None, only=None):
        # Everybody uses both gateways in turn.
        if only is None:
            self.caller.at = (self.caller.at + (self.turn % 8 == 0)) % len(self.caller.gateways)
        return self.caller.ask(method, path, body, token or (self.tenant.token if self.tenant else self.load.operator), only)


class BusinessReader(Client):
    def work(self):
        number = self.ledger.number()
        answer = self.ask("GET", f"/api/orders/whoami?n={number}")
        if self.ledger.judge("business-read", answer, 200):
            told = answer.json()
            self.ledger.expect(told == {"tenant": self.tenant.id, "number": str(number)}, f"another's answer: {told}, asked by {self.tenant.id} as {number}")


class BusinessWriter(Client):
    def work(self):
        number = self.ledger.number()
        answer = self.ask("POST", f"/api/billing/count?n={number}", {"what": "tea"})
        is_told = self.ledger.judge("business-write", answer, 201)
        self.ledger.calls.append((number, self.tenant.id, is_told, answer.gateway, answer.sent, answer.came))
        if is_told:
            told = answer.json()
            self.ledger.expect(told == {"tenant": self.tenant.id, "number": str(number)}, f"another's answer: {told}, asked by {self.tenant.id} as {number}")


class CoreReader(Client):
    def work(self):
        path = ("/v1/me", "/v1/members", "/v1/sessions")[self.turn % 3]
        answer = self.ask("GET", f"/api/core{path}")
        if not self.ledger.judge("core-read", answer, 200):
            return
        told = answer.json()
        if path == "/v1/me":
            theirs = {told["tenant"]["id"], *(one["id"] for one in told["tenants"])} == {self.tenant.id}
        elif path == "/v1/members":
            theirs = [one["email"] for one in told["items"]] == [self.tenant.person["email"]]
        else:
            theirs = any(one["is_current"] for one in told["items"])
        self.ledger.expect(theirs, f"another's answer to {path}, asked by {self.tenant.name}: {answer.body[:300]}")


class Renamer(Client):
    """Gives its tenant one name after the other, and reads it again."""

    pause = 0.25

    def work(self):
        path, ledger, key = f"/api/core/v1/tenants/{self.tenant.id}", self.ledger, self.tenant.id
        ledger.sent[key] = ledger.sent.get(key, 0) + 1
        if ledger.judge("core-write", self.ask("PATCH", path, {"name": f"{self.tenant.name} {ledger.sent[key]}"}), 200):
            ledger.named[key] = ledger.sent[key]
        else:
            ledger.doubtful[key].add(ledger.sent[key])


class Tenants(Client):
    """Makes tenants."""

    pause = 0.3

    def work(self):
        answer = self.ask("POST", "/api/core/v1/tenants", {"name": f"Made {self.turn}"})
        if self.ledger.judge("core-write", answer, 201):
            self.ledger.there.add(("tenant", answer.json()["id"]))


class Routes(Client):
    """Makes routes, takes some away again, and looks at the services."""

    pause = 0.2

    def work(self):
        ledger = self.ledger
        if self.turn % 3 == 0:
            answer = self.ask("GET", "/api/registry/v1/services")
            if ledger.judge("registry-read", answer, 200):
                names = {one["name"] for one in answer.json()["items"]}
                ledger.expect({"core", "registry", "orders", "billing"} <= names, f"services are missing: {names}")
            return
        mine = [what for what in ledger.there if what[0] == "route"]
        if len(mine) < 20:
            answer = self.ask("POST", "/api/registry/v1/routes", {"path": f"/made/{self.turn}", "service": "nowhere"})
            if ledger.judge("registry-write", answer, 201):
                ledger.there.add(("route", answer.json()["id"]))
            return
        gone = mine[0]
        ledger.there.discard(gone)
        if ledger.judge("registry-write", self.ask("DELETE", f"/api/registry/v1/routes/{gone[1]}"), 204):
            ledger.removed.add(gone)


class Revoker(Client):
    """Signs in, signs out, and goes on with the token that was revoked."""

    def work(self):
        ledger, tenant = self.ledger, self.load.tenants[self.turn % 2]
        answer = self.ask("POST", "/api/core/v1/auth/login", tenant.person)
        if not ledger.judge("sign-in", answer, 200):
            return
        token = answer.json()["access_token"]
        # Used at each gateway before, so that each has it among the tokens it has verified.
        for index in range(len(self.caller.gateways)):
            answer = self.ask("GET", "/api/orders/whoami", token=token, only=index)
            if "refused" not in str(answer.error):
                ledger.judge("business-read", answer, 200)
        answer = self.ask("POST", "/api/core/v1/auth/logout", None, token)
        if not ledger.judge("sign-in", answer, 200, 204):
            return
        revoked = answer.came
        ledger.revoked.append(token)
        tried = 0
        while time.monotonic() < revoked + TRIED and not self.load.ended.wait(PAUSE):
            tried += 1
            strict = tried % 2 == 0
            path = "/api/core/v1/me" if strict else "/api/orders/whoami"
            answer = self.ask("GET", path, token=token, only=tried // 2 % len(self.caller.gateways))
            if answer.status == 200:
                ledger.accepted.append((answer.sent, answer.sent - revoked, strict, answer.gateway))
            elif answer.status not in (401, None):
                ledger.judge("business-read" if not strict else "core-read", answer, 200)
