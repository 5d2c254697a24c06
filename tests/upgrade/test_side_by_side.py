"""The version before and this one side by side, on one database and one Redis, under traffic: part after part is
replaced as docs/UPGRADING.md says, and back again. No request fails, and nothing that was acknowledged is lost.

Started by `make test-upgrade`, which builds the version before (SAAS_BINARY_BEFORE)."""

import json
import os
import pathlib
import re
import secrets
import subprocess
import sys

import pytest
from customers import Customers, Edge
from monitored import Program, free_port, wait_for
from running_platform import BINARY, ROOT, call

BEFORE = os.environ["SAAS_BINARY_BEFORE"]
PARTS = [f"{role}-{number}" for role in ("registry", "core", "gateway") for number in (1, 2)]
FAILED = re.compile(r"panicked at|status_code\W+500\b")


class Platform:
    """Two of each, each of the one version or the other. Ports and data directories stay."""

    def __init__(self, folder):
        self.folder, self.programs, self.started = folder, {}, 0
        self.ports = {name: free_port() for name in PARTS}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.edge = Edge([name for name in PARTS if name.startswith("gateway")])
        server = os.environ["SAAS_TEST_POSTGRES_URL"]
        name = f"upgrade_{secrets.token_hex(6)}"
        subprocess.run(["psql", "-X", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        registries = ",".join(self.urls[name] for name in PARTS if name.startswith("registry"))
        self.settings = kept | {
            "DATABASE_URL": re.sub(r"/[^/]*$", f"/{name}", server),
            "REDIS_URL": os.environ["SAAS_TEST_REDIS_URL"],
            "SECRET_KEY": secrets.token_hex(32),
            "ADMIN_PASSWORD": secrets.token_hex(16),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "REGISTRY_URL": registries,
            "RATE_LIMIT_PER_ADDRESS": "0",
        }

    def saas(self, binary, *words):
        known = self.settings | {"DATA_DIR": str(self.folder / "tool")}
        done = subprocess.run([binary, *words], env=known, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done
        return done.stdout

    def start(self, name, binary):
        role = name.split("-")[0]
        known = self.settings | {"DATA_DIR": str(self.folder / name), f"{role.upper()}_PORT": str(self.ports[name])}
        # A log of its own for each.
        self.started += 1
        self.programs[name] = Program(f"{name}-{self.started}", [binary, role], self.folder, known)

    def ready(self, name):
        program = self.programs[name]
        is_ready = lambda: program.is_alive() and call("GET", f"{self.urls[name]}/health/ready").status == 200
        wait_for(f"readiness of {name}", is_ready)

    def replace(self, name, binary):
        is_gateway = name.startswith("gateway")
        if is_gateway:
            self.edge.leave_out(name)
        self.end(name)
        self.start(name, binary)
        self.ready(name)
        if is_gateway:
            self.edge.put_back(name)

    def end(self, name):
        program = self.programs[name]
        program.stop()
        assert program.process.returncode == 0, program.text()
        wrong = [line for line in program.log.read_text(errors="replace").splitlines() if FAILED.search(line)]
        assert not wrong, "\n".join(wrong[:5])

    def orders(self):
        """The example service, which stays as it is."""
        kept = {key: self.settings[key] for key in ("PATH", "HOME", "LANG") if key in self.settings}
        registry = self.urls["registry-1"]
        command = [sys.executable, ROOT / "examples/python/orders.py", "--data", self.folder / "orders.db"]
        self.programs["orders"] = Program("orders", command, self.folder, kept | {"REGISTRY_URL": registry})
        is_up = lambda: call("GET", f"{registry}/v1/services/orders/instances?status=up").json().get("items")
        wait_for("orders", is_up)

    def close(self):
        for program in reversed(self.programs.values()):
            program.stop()


@pytest.fixture
def platform(tmp_path):
    made = Platform(pathlib.Path(tmp_path))
    yield made
    made.close()


def test_both_versions_serve_on_one_database_there_and_back_again(platform):
    for name in PARTS:
        platform.start(name, BEFORE)
    for name in PARTS:
        platform.ready(name)
    platform.orders()
    pending = [
        item["name"] for item in json.loads(platform.saas(BINARY, "migrate", "status", "--json"))["items"] if not item["is_applied"]
    ]
    with Customers(platform.edge, platform.urls, ("teahouse", "bookshop", "pottery")) as customers:
        # The schema first: the version before goes on with it.
        applied = [line.split()[-1] for line in platform.saas(BINARY, "migrate", "up").splitlines() if line.startswith("applied")]
        assert applied == pending
        customers.go_on()
        for binary in (BINARY, BEFORE):
            for name in PARTS:
                platform.replace(name, binary)
                customers.go_on()
    assert not customers.failures
    kinds = {kind for one in customers.all for kind in one.done}
    assert kinds == {"sign up", "sign in", "write", "read", "people", "refresh"}
    for one in customers.all:
        one.sign_in()
        one.read()
        assert len(one.orders) > 10
    for name in reversed(PARTS):
        platform.end(name)
    print(f"\n{len(pending)} migrations between them, {sum(sum(one.done.values()) for one in customers.all)} requests, none failed")
