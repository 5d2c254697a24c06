"""The real `saas up` on free ports, for as long as a test session lasts."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import kept_secret

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("SAAS_BINARY", str(ROOT / "target/debug/saas"))
START_SECONDS = 60
FAILED = re.compile(r"status_code\W+500\b")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


def call(method, url, body=None, token=None, headers=None):
    """One request; an answer of 400 or more is an answer, not an exception."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as given:
            answer = Answer(given.status, given.headers, given.read())
    except urllib.error.HTTPError as error:
        answer = Answer(error.code, error.headers, error.read())
    kept_secret.remember_exchange(body, headers.items(), answer.body, answer.headers.items())
    return answer


def operator_of(running, password):
    """The access token of the administrator of the first run."""
    login = call("POST", f"{running.api}/core/v1/auth/login", {"email": "admin@localhost", "password": password})
    assert login.status == 200, login
    return login.json()["access_token"]


def environment(folder, **settings):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ports = {"GATEWAY_PORT": "0", "REGISTRY_PORT": "0", "CORE_PORT": "0"}
    return kept | ports | {"RATE_LIMIT_PER_ADDRESS": "0", "DATA_DIR": str(folder)} | settings


class Platform:
    """Started by `with`; stopped by SIGTERM, which has to end it cleanly."""

    def __init__(self, **settings):
        self.settings = settings

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="saas-test-")
        self.data = pathlib.Path(self.settings.get("DATA_DIR") or f"{self.folder.name}/data")
        self.start()
        return self

    def start(self):
        self.lines = []
        self.process = subprocess.Popen(
            [BINARY, "up"],
            cwd=self.folder.name,
            env=environment(self.data, **self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Python ignores SIGXFSZ; so does the platform then, and a file too large is an error to it.
            restore_signals=False,
        )
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()
        run = self.wait_for("run.json", self._run_file)
        self.gateway, self.registry, self.core = run["gateway"], run["registry"], run["core"]
        self.api = f"{self.gateway}/api"

    def _read(self, output):
        self.lines.extend(line.rstrip("\n") for line in output)

    def _run_file(self):
        try:
            run = json.loads((self.data / "run.json").read_text())
        except (OSError, ValueError):
            return None
        return run if run["pid"] == self.process.pid else None

    def text(self):
        return "\n".join(self.lines)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"saas up ended with {self.process.returncode}:\n{self.text()}")
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{what} did not come within {START_SECONDS} s:\n{self.text()}")

    def one_time_password(self):
        find = lambda: re.search(r"One-time password\s+(\S+)", self.text())
        password = self.wait_for("the one-time password", find)[1]
        kept_secret.remember(password)
        return password

    def sign_up(self, name):
        """A tenant of its own, and its owner's tokens."""
        person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        made = call("POST", f"{self.api}/core/v1/auth/signup", person | {"name": "Owner", "tenant_name": name})
        assert made.status == 201, made.body
        answer = call("POST", f"{self.api}/core/v1/auth/login", person)
        assert answer.status == 200, answer.body
        return answer.json()

    def check_log(self):
        """No panic, and no request answered with 500: each is a defect, whoever caused it. No secret."""
        wrong = [line for line in self.lines if "panic" in line or FAILED.search(line)]
        assert not wrong, "\n".join(wrong[:20])
        secrets = ("SECRET_KEY", "METRICS_TOKEN", "ADMIN_PASSWORD")
        kept_secret.remember(*(self.settings[name] for name in secrets if name in self.settings))
        # What tells a person, once, how to sign in for the first time.
        said = "\n".join(line for line in self.lines if not line.startswith("  One-time password"))
        told = kept_secret.found_in(said)
        assert not told, f"in the log: {told[:5]}"

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def __exit__(self, *_):
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                status = self.process.wait(40)
                assert status == 0, f"stopped with {status}:\n{self.text()[-3000:]}"
            self.check_log()
        finally:
            if self.process.poll() is None:
                self.kill()
            self.folder.cleanup()
