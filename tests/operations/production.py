"""The platform as it runs in production: a registry, a core and gateways of their own on PostgreSQL."""

import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.parse

import kept_secret
from running_platform import BINARY, ROOT, call

sys.path.insert(0, str(ROOT / "scripts"))
from quickstart import Process, is_ready, run_file, wait_for  # noqa: E402


def passwords_of(*urls):
    """What those who read these addresses could sign in with."""
    return [password for url in urls if (password := urllib.parse.urlsplit(url).password)]


class Production:
    """Started by `with`; everything that was not stopped or killed before stops cleanly in the end.

    `gateway_ports` are those of the gateways; settings are given to every process.
    """

    def __init__(self, gateway_ports, **settings):
        self.gateway_ports = gateway_ports
        self.secret_key, self.metrics_token = secrets.token_hex(32), secrets.token_hex(24)
        self.admin_password = f"three green {secrets.token_hex(8)}"
        kept_secret.remember(self.secret_key, self.metrics_token, self.admin_password)
        self.settings = settings
        self.processes, self.gateways = [], {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="saas-production-")
        server = os.environ["SAAS_TEST_POSTGRES_URL"]
        name = f"production_{secrets.token_hex(6)}"
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", server, "-c", f"CREATE DATABASE {name}"], check=True)
        self.database = re.sub(r"/[^/]*$", f"/{name}", server)
        kept_secret.remember(*passwords_of(self.database, os.environ.get("SAAS_TEST_REDIS_URL", "")))
        try:
            self.registry = self._start("registry", "registry", REGISTRY_PORT="0")
            self.core = self._start("core", "core", CORE_PORT="0", REGISTRY_URL=self.registry)
            for number in range(len(self.gateway_ports)):
                self.start_gateway(number)
        except BaseException:
            self._kill()
            raise
        return self

    def start_gateway(self, number):
        port = str(self.gateway_ports[number])
        self._start("gateway", f"gateway-{number}", GATEWAY_PORT=port, REGISTRY_URL=self.registry)
        self.gateways[number] = self.processes[-1]

    def _start(self, role, name, **own):
        data = pathlib.Path(self.folder.name) / name
        # The file of a process before would name a port that is no longer it.
        (data / "run.json").unlink(missing_ok=True)
        process = Process(name, [BINARY, role], self.environment(DATA_DIR=str(data), **own))
        self.processes.append(process)
        run = wait_for(f"{name}'s run.json", lambda: run_file(data), process)
        wait_for(f"readiness of {name}", lambda: is_ready(run[role]), process)
        return run[role]

    def environment(self, **own):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        usual = {
            "ENVIRONMENT": "production",
            "HOST": "127.0.0.1",
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "DATABASE_URL": self.database,
            "DATABASE_MIN_CONNECTIONS": "2",
            "DATABASE_MAX_CONNECTIONS": "10",
            "SECRET_KEY": self.secret_key,
            "METRICS_TOKEN": self.metrics_token,
            "ADMIN_EMAIL": "admin@example.com",
            "ADMIN_PASSWORD": self.admin_password,
            "SIGNUP": "open",
        }
        if redis := os.environ.get("SAAS_TEST_REDIS_URL"):
            usual["REDIS_URL"] = redis
        return kept | usual | self.settings | own

    def service_token(self, service):
        """What an instance of the service shows to the registry."""
        command = [BINARY, "token", "create", "--service", service]
        environment = self.environment(DATA_DIR=f"{self.folder.name}/tool")
        made = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        kept_secret.remember(made.stdout.strip())
        return made.stdout.strip()

    def register(self, service, port):
        body = {"address": "127.0.0.1", "port": port, "lease_seconds": 3600}
        url = f"{self.registry}/v1/services/{service}/instances"
        made = call("POST", url, body, token=self.service_token(service))
        assert made.status == 201, made.body

    def owner_of(self, tenant, ask):
        """The access token of a new tenant's owner; `ask(method, path, body, token=…)` reaches a gateway.

        In production a sign-up waits for an operator, so the operator makes the tenant.
        """
        login, change = "/api/core/v1/auth/login", "/api/core/v1/me/password"
        admin = {"email": "admin@example.com", "password": self.admin_password}
        operator = ask("POST", login, admin).json()["access_token"]
        email = f"owner@{tenant}.example"
        made = ask("POST", "/api/core/v1/tenants", {"name": tenant, "owner_email": email}, token=operator)
        assert made.status == 201, made
        once = made.json()["one_time_password"]
        token = ask("POST", login, {"email": email, "password": once}).json()["access_token"]
        passwords = {"current_password": once, "new_password": f"a kettle and {tenant} leaves"}
        changed = ask("POST", change, passwords, token=token)
        assert changed.status == 200, changed
        return changed.json()["access_token"]

    def kill_gateway(self, number):
        self.gateways[number].started.send_signal(signal.SIGKILL)

    def stop_gateway(self, number):
        status = self.gateways[number].stop()
        assert status == 0, f"stopped with {status}:\n{self.gateways[number].text()[-3000:]}"

    def text(self):
        return "\n".join(process.text() for process in self.processes)

    def __exit__(self, *_):
        try:
            for process in reversed(self.processes):
                if process.started.poll() is None:
                    status = process.stop()
                    assert status == 0, f"{process.name} stopped with {status}:\n{process.text()[-3000:]}"
            assert "panicked" not in self.text() and "panic:" not in self.text()
            told = kept_secret.found_in(self.text())
            assert not told, f"in the log: {told[:5]}"
        finally:
            self._kill()

    def _kill(self):
        for process in self.processes:
            if process.started.poll() is None:
                process.started.kill()
                process.started.wait(10)
        self.folder.cleanup()
