"""Keeps one instance of a service known to the platform's registry.

Register, renew the lease by heartbeats, drain and leave: this file is the whole
integration, and needs nothing but Python's standard library. Take it along into
a service of your own.

    registration = Registration("http://127.0.0.1:8001", "orders", "127.0.0.1", 9001)
    registration.start()
    ...                      # serve
    registration.leave(30)   # on SIGTERM, before the listener closes
"""

import json
import random
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid

LONGEST_PAUSE = 10.0
ANSWER_SECONDS = 5.0


class Unavailable(Exception):
    """The registry is away or busy: the same call may succeed later."""


class Refused(Exception):
    """The registry said no, and will say no again until somebody changes something."""


class Forgotten(Exception):
    """The registry does not know this instance (any more)."""


class Registration:
    """One instance's place in the registry, kept by a thread of its own.

    The instance's identifier is made here and stays the same over
    re-registrations, so that logs of both sides name it alike.
    """

    def __init__(
        self,
        registry_url,
        service,
        address,
        port,
        *,
        version=None,
        token=None,
        lease_seconds=15,
        first_pause=0.25,
        say=print,
    ):
        self.instance = f"{service}-{uuid.uuid4().hex[:8]}"
        self._collection = (
            f"{registry_url.rstrip('/')}/v1/services/{urllib.parse.quote(service, safe='')}/instances"
        )
        self._body = {
            "id": self.instance,
            "address": address,
            "port": port,
            "lease_seconds": lease_seconds,
        }
        if version:
            self._body["version"] = version
        self._token = token
        self._first_pause = first_pause
        self._heartbeat_seconds = lease_seconds / 3
        self._say = say
        self._leaving = threading.Event()
        self._stopped = threading.Event()
        self._settled = threading.Event()
        self._registered = False
        self._refusal = None
        # The registry is next door: a proxy meant for the internet is not asked.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self._thread = threading.Thread(target=self._keep, name="registration", daemon=True)

    def start(self):
        """Begins to register and to renew; returns at once."""
        self._thread.start()

    def wait(self, seconds=None):
        """Waits for the registry's first word: True once registered, False if
        none came in time. Raises `Refused` with the registry's reason."""
        if not self._settled.wait(seconds):
            return False
        if self._refusal:
            raise Refused(self._refusal)
        return True

    def leave(self, wait=30):
        """Takes the instance out of service without losing a request.

        First drain: the gateways send nothing new and finish what they have, for
        at most `wait` seconds. Then the registration is removed. The lease is
        renewed meanwhile. A registry that is away does not hold up the stop: the
        lease then runs out by itself.
        """
        self._leaving.set()
        try:
            if self._registered:
                self._drain(wait)
            self._stopped.set()
            # A registration that is under way ends before the removal.
            if self._thread.is_alive():
                self._thread.join(ANSWER_SECONDS + 1)
            if self._registered:
                self._call("DELETE", f"/{self.instance}")
        except Forgotten:
            pass
        except (Unavailable, Refused) as problem:
            self._say(f"could not leave the registry properly: {problem}")
        finally:
            self._stopped.set()

    def _drain(self, wait):
        path = f"/{self.instance}/drain?wait={wait}"
        answer = self._call("POST", path, timeout=wait + ANSWER_SECONDS)
        if not answer.get("drained", False):
            left = [*(answer.get("waiting_for") or []), *(answer.get("unknown") or [])]
            self._say(f"not drained after {wait} s; gateways not heard from: {left}")

    def _keep(self):
        failures = 0
        while not self._stopped.is_set():
            try:
                self._renew()
                failures = 0
                pause = self._heartbeat_seconds
            except Forgotten:
                # Only from a heartbeat: at once on to registering again, unless
                # it was us who had the registry forget.
                self._registered = False
                if self._leaving.is_set():
                    return
                self._say("the registry does not know this instance any more; registering again")
                continue
            except (Unavailable, Refused) as problem:
                if isinstance(problem, Refused) and not self._settled.is_set():
                    self._refusal = str(problem)
                    self._settled.set()
                    return
                if failures == 0:
                    self._say(f"{problem}; trying again")
                pause = min(LONGEST_PAUSE, self._first_pause * 2 ** min(failures, 10))
                # Spread, so that a hundred instances do not all come back at once.
                pause *= random.uniform(0.5, 1.0)
                failures += 1
            self._stopped.wait(pause)

    def _renew(self):
        if self._registered:
            self._call("PUT", f"/{self.instance}/heartbeat")
            return
        if self._leaving.is_set():
            return
        try:
            answer = self._call("POST", "", self._body)
        except Forgotten as problem:
            raise Refused(f"{self._collection} is not there: is this the registry?") from problem
        self._heartbeat_seconds = float(answer.get("heartbeat_seconds", self._heartbeat_seconds))
        self._registered = True
        self._settled.set()

    def _call(self, method, path, body=None, timeout=ANSWER_SECONDS):
        request = urllib.request.Request(self._collection + path, method=method)
        request.add_header("Accept", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self._open(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as problem:
            with problem:
                said = _detail(problem)
            if problem.code == 404:
                raise Forgotten(said) from problem
            if problem.code in (408, 425, 429) or problem.code >= 500:
                raise Unavailable(f"the registry answered {said}") from problem
            raise Refused(f"the registry answered {said}") from problem
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "reason", problem)
            raise Unavailable(f"{self._collection} does not answer ({reason})") from problem
        try:
            answer = json.loads(text) if text else {}
        except ValueError as problem:
            raise Unavailable(f"{self._collection} did not answer with JSON") from problem
        return answer if isinstance(answer, dict) else {}


def _detail(error):
    """The problem+json's own words if it has any."""
    try:
        problem = json.loads(error.read(65536))
        words = problem.get("detail") or problem.get("title")
    except (OSError, ValueError, AttributeError):
        words = None
    return f"{error.code} ({words or error.reason})"
