"""People who use the platform while its parts are replaced, by way of gateways that are in service."""

import collections
import http.client
import json
import threading
import time
import urllib.parse

from monitored import wait_for


class Edge:
    """Sends each request to a gateway in service, as a load balancer does that asks for readiness."""

    def __init__(self, gateways):
        self.changed = threading.Condition()
        self.serving = dict.fromkeys(gateways, True)
        self.under_way = collections.Counter()

    def take(self, number):
        with self.changed:
            serving = [name for name, serves in self.serving.items() if serves]
            chosen = serving[number % len(serving)]
            self.under_way[chosen] += 1
            return chosen

    def give_back(self, gateway):
        with self.changed:
            self.under_way[gateway] -= 1
            self.changed.notify_all()

    def leave_out(self, gateway):
        with self.changed:
            self.serving[gateway] = False
            assert self.changed.wait_for(lambda: self.under_way[gateway] == 0, 30), "requests do not end"

    def put_back(self, gateway):
        with self.changed:
            self.serving[gateway] = True


class Customer:
    """One person of a tenant, and what the platform said yes to. Nothing is asked a second time."""

    PAUSE = 0.05
    PAGE = 200

    def __init__(self, edge, urls, name):
        self.edge, self.urls, self.name = edge, urls, name
        self.person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        self.done, self.failures, self.orders = collections.Counter(), [], []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def begin(self):
        self.ask("sign up", 201, "POST", "/api/core/v1/auth/signup", self.person | {"name": "Owner", "tenant_name": self.name})
        self.sign_in()
        self.thread.start()

    def sign_in(self):
        self.tokens = self.ask("sign in", 200, "POST", "/api/core/v1/auth/login", self.person)

    def run(self):
        number = 0
        while not self.failures and not self.ended.wait(self.PAUSE):
            number += 1
            try:
                self.once(number)
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    def once(self, number):
        if number % 4 == 0:
            made = self.ask("write", 201, "POST", "/api/orders/v1/orders", {"item": "tea", "quantity": number})
            self.orders.append(made["id"])
        elif number % 4 == 1:
            self.read()
        elif number % 4 == 2:
            # Looked up in the database, where the other is kept in memory.
            self.ask("people", 200, "GET", f"/api/core/v1/{'sessions' if number % 8 == 2 else 'me'}")
        elif number % 12 == 3:
            # A token that is used up is no good a second time: none may be lost.
            refreshed = self.ask("refresh", 200, "POST", "/api/core/v1/auth/refresh", {"refresh_token": self.tokens["refresh_token"]})
            self.tokens = refreshed
        elif number % 60 == 7:
            self.sign_in()

    def read(self):
        """The newest of what was acknowledged, and nobody else's."""
        listed = self.ask("read", 200, "GET", f"/api/orders/v1/orders?limit={self.PAGE}")["items"]
        assert {order["id"] for order in listed} == set(self.orders[-self.PAGE :]), "not the orders of this tenant"

    def ask(self, kind, wanted, method, path, body=None):
        gateway = self.edge.take(sum(self.done.values()))
        began = time.monotonic()
        try:
            address = urllib.parse.urlsplit(self.urls[gateway])
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
            headers = {"Content-Type": "application/json"} if body is not None else {}
            if hasattr(self, "tokens"):
                headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            told = answer.read()
            connection.close()
        except OSError as error:
            raise AssertionError(f"{method} {path} by {gateway} after {time.monotonic() - began:.2f} s: {error!r}") from error
        finally:
            self.edge.give_back(gateway)
        assert answer.status == wanted, f"{method} {path} by {gateway}: {answer.status} {told[:300]!r}"
        self.done[kind] += 1
        return json.loads(told)


class Customers:
    """Several, until the end."""

    def __init__(self, edge, urls, names):
        self.all = [Customer(edge, urls, name) for name in names]

    def __enter__(self):
        for one in self.all:
            one.begin()
        self.go_on(10)
        return self

    def __exit__(self, *_):
        for one in self.all:
            one.ended.set()
        for one in self.all:
            one.thread.join(60)

    @property
    def failures(self):
        return [f"{one.name}: {failure}" for one in self.all for failure in one.failures]

    def go_on(self, number=40):
        """Each of them asks that often from now on, and is answered."""
        before = [sum(one.done.values()) for one in self.all]
        are_done = lambda: all(sum(one.done.values()) >= begun + number for one, begun in zip(self.all, before))
        wait_for("further requests", lambda: self.failures or are_done(), 120)
        assert not self.failures, "\n".join(self.failures)
