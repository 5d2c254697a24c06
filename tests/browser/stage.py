"""The running platform with its example service, as the browser finds it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 60
ADMIN = "admin@localhost"
PASSWORD = "three green teapots"
ONE_TIME_PASSWORD = re.compile(r"One-time password\s+([0-9a-z-]{20,})")
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


class Process:
    """A started program. Its output is kept for the report of a failure."""

    def __init__(self, name, command, environment):
        self.name, self.lines = name, []
        self.started = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.started.stdout:
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.started.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.started.returncode}:\n{self.text()}")
            if found := condition():
                return found
            time.sleep(0.05)  # between two looks at what has no event
        raise RuntimeError(f"{what} did not happen within {START_SECONDS} s:\n{self.text()}")

    def kill(self):
        """Without mercy, as a crash would."""
        self.started.kill()
        self.started.wait()

    def stop(self):
        """SIGTERM, and the exit status. A clean stop is 0."""
        if self.started.poll() is None:
            self.started.send_signal(signal.SIGTERM)
        try:
            return self.started.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


class Platform:
    """`saas up` on an embedded database and free ports, and instances of the orders example."""

    def __init__(self, folder):
        self.folder, self.orders = pathlib.Path(folder), []
        data = self.folder / "data"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        binary = os.environ.get("SAAS_BINARY", str(ROOT / "target/debug/saas"))
        ports = {"GATEWAY_PORT": "0", "REGISTRY_PORT": "0", "CORE_PORT": "0"}
        # One address makes all the requests of a test run.
        settings = ports | {"RATE_LIMIT_PER_ADDRESS": "0", "DATA_DIR": str(data)}
        self.process = Process("saas up", [binary, "up"], kept | settings)
        try:
            found = self.process.wait_for("the first start", lambda: ONE_TIME_PASSWORD.search(self.process.text()))
            self.one_time_password = found[1]
            run = json.loads((data / "run.json").read_text())
            self.url, self.registry = run["gateway"], run["registry"]
        except BaseException:
            self.process.kill()
            raise
        self._environment = kept | {"REGISTRY_URL": self.registry, "PYTHONDONTWRITEBYTECODE": "1"}

    def start_orders(self):
        """One more instance of orders: its process, and its name."""
        script = str(ROOT / "examples/python/orders.py")
        command = [sys.executable, "-u", script, "--data", str(self.folder / "orders.db")]
        process = Process("orders", command, self._environment)
        self.orders.append(process)
        found = process.wait_for("registration", lambda: re.search(r"^(\S+) registered at", process.text(), re.M))
        return process, found[1]

    def call(self, method, path, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(method, self.url + path, headers=headers, timeout=20, **options)

    def sign_up(self, email, tenant):
        """A new owner of a new tenant; their access token."""
        person = {"email": email, "password": PASSWORD, "name": f"Owner of {tenant}", "tenant_name": tenant}
        self.call("POST", "/api/core/v1/auth/signup", json=person).raise_for_status()
        credentials = {"email": email, "password": PASSWORD}
        answer = self.call("POST", "/api/core/v1/auth/login", json=credentials).raise_for_status()
        return answer.json()["access_token"]

    def wait_until_orders_answer(self, token):
        """The gateway learns of an instance a moment after the registry did."""
        self.process.wait_for(
            "an answer of orders",
            lambda: self.call("GET", "/api/orders/whoami", token).status_code == 200,
        )

    def stop(self):
        for process in self.orders:
            process.stop()
        return self.process.stop()
