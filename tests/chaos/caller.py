"""One caller of the gateways, as through a balancer: who refuses a connection is passed over."""

import collections
import http.client
import json
import select
import time

Outcome = collections.namedtuple("Outcome", "status headers body gateway sent came error")
Outcome.json = lambda self: json.loads(self.body)


class Caller:
    def __init__(self, gateways, first=0, timeout=15):
        self.gateways, self.at, self.timeout, self.open = gateways, first % len(gateways), timeout, {}

    def ask(self, method, path, body=None, token=None, only=None):
        """One request. Nothing is asked twice, but for a GET on a connection that had been kept and turns out
        to be closed before anything came (RFC 9112, 9.3.1). Without an answer, `status` is None."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        sent = time.monotonic()
        tries = range(len(self.gateways)) if only is None else [0]
        error = None
        for _ in tries:
            index = self.at if only is None else only
            gateway = self.gateways[index]
            try:
                return self._once(gateway, method, path, body, headers, sent)
            except ConnectionRefusedError as refused:
                error, nobody = refused, gateway if only is not None else None
                self.at = (self.at + 1) % len(self.gateways)
            except (OSError, http.client.HTTPException) as broken:
                self._drop(gateway)
                self.at = (self.at + 1) % len(self.gateways)
                return Outcome(None, {}, b"", gateway, sent, time.monotonic(), repr(broken))
        return Outcome(None, {}, b"", nobody, sent, time.monotonic(), repr(error))

    def _once(self, gateway, method, path, body, headers, sent):
        connection = self.open.get(gateway)
        # Whoever said goodbye meanwhile is not written to, as any client or proxy looks first.
        if connection is not None and (connection.sock is None or select.select([connection.sock], [], [], 0)[0]):
            self._drop(gateway)
            connection = None
        is_kept = connection is not None
        if not is_kept:
            connection = http.client.HTTPConnection("127.0.0.1", gateway, timeout=self.timeout)
            connection.connect()
            self.open[gateway] = connection
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._drop(gateway)
            if is_kept and method == "GET":
                return self._once(gateway, method, path, body, headers, sent)
            raise
        content = answer.read()
        if answer.will_close:
            self._drop(gateway)
        return Outcome(answer.status, answer.headers, content, gateway, sent, time.monotonic(), None)

    def _drop(self, gateway):
        if connection := self.open.pop(gateway, None):
            connection.close()
