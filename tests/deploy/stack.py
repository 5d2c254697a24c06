"""The production stack as somebody installs it: the files an installation consists of in a folder
of its own, a `.env`, and Compose. Requests come in at Traefik's published port over HTTPS."""

import collections
import http.client
import json
import pathlib
import secrets
import shutil
import socket
import ssl
import threading
import time

from engine import ROOT, Failure, wait

DOMAIN = "saas.test"
API, ADMIN = f"api.{DOMAIN}", f"admin.{DOMAIN}"
PLATFORM = ("registry", "core", "gateway", "gateway_b", "frontend")
SERVICES = ("postgres", "redis", *PLATFORM)
NAMES = [f"saas_{service}_prod" for service in SERVICES] + ["saas_traefik"]
ORDERS = """services:
  orders:
    container_name: saas_orders
    image: saas-orders:latest
    command: [python3, -u, /srv/orders.py, --data, /tmp/orders.db, --host, "0.0.0.0"]
    environment:
      REGISTRY_URL: http://registry:8001
      ADVERTISE_ADDRESS: 172.30.0.240
      REGISTRATION_TOKEN: ${REGISTRATION_TOKEN:-}
    networks:
      saas_network:
        ipv4_address: 172.30.0.240
    stop_grace_period: 40s
"""
# Compose 1 takes Podman's network for a changed one, so it is told that the network is given.
NETWORK = """networks:
  saas_network:
    name: saas_network
    external: true
"""


def container(service):
    return "saas_traefik" if service == "traefik" else f"saas_{service.replace('-', '_')}_prod"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    def __init__(self, engine, folder, tag):
        self.engine, self.folder = engine, pathlib.Path(folder)
        self.http, self.https = free_port(), free_port()
        for file in ("docker-compose.prod.yml", "docker/traefik/dynamic.yml"):
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, self.folder / file)
        (self.folder / "backups").mkdir(exist_ok=True)
        (self.folder / "orders.yml").write_text(ORDERS)
        (self.folder / "network.yml").write_text(NETWORK)
        self.settings = {
            "DOMAIN": DOMAIN,
            "ACME_EMAIL": f"admin@{DOMAIN}",
            "VITE_API_URL": f"https://{API}",
            "CORS_ORIGINS": f"https://{ADMIN}",
            "SIGNUP": "open",
            "IMAGE_TAG": tag,
            "HTTP_PORT": f"127.0.0.1:{self.http}",
            "HTTPS_PORT": f"127.0.0.1:{self.https}",
        } | {name: secrets.token_hex(32) for name in ("SECRET_KEY", "METRICS_TOKEN", "POSTGRES_PASSWORD", "REDIS_PASSWORD")}
        self.secrets = [self.settings[name] for name in ("SECRET_KEY", "METRICS_TOKEN", "POSTGRES_PASSWORD", "REDIS_PASSWORD")]
        self.write_settings()

    def write_settings(self, **changes):
        self.settings |= changes
        file = self.folder / ".env"
        file.touch(mode=0o600)
        example = (ROOT / ".env.prod.example").read_text()
        lines = [line for line in example.splitlines() if line.partition("=")[0] not in self.settings]
        file.write_text("\n".join(lines + [f"{name}={value}" for name, value in self.settings.items()]) + "\n")

    def compose(self, *arguments, **options):
        files = ["-f", "docker-compose.prod.yml", "-f", "orders.yml"]
        if self.engine.run("podman", "network", "exists", "saas_network", check=False).returncode == 0 and arguments[0] != "down":
            files += ["-f", "network.yml"]
        return self.engine.run("docker-compose", *files, *arguments, cwd=self.folder, **options)

    def up(self):
        """Seconds until everything is healthy."""
        began = time.monotonic()
        self.compose("up", "-d", "--no-build", *(service.replace("_", "-") for service in SERVICES), "traefik")
        self.engine.wait_healthy(*NAMES)
        took = time.monotonic() - began
        authority = self.folder / "authority.pem"
        authority.write_text(self.engine.podman("exec", "saas_traefik", "cat", "/letsencrypt/authority.pem"))
        self.tls = ssl.create_default_context(cafile=str(authority))
        return took

    def saas(self, service, *arguments):
        return self.engine.podman("exec", container(service), "/usr/local/bin/saas", *arguments)

    def address(self, service):
        return self.engine.inspect(container(service))["NetworkSettings"]["Networks"]["saas_network"]["IPAddress"]

    def restart(self, service):
        name = container(service) if service != "orders" else "saas_orders"
        self.compose("restart", service.replace("_", "-"))
        if service != "orders":
            self.engine.wait_healthy(name)

    def connection(self, host):
        return Connection(host, self.https, self.tls)

    def call(self, method, host, path, body=None, token=None, **headers):
        connection = self.connection(host)
        try:
            return connection.call(method, path, body, token, **headers)
        finally:
            connection.close()

    def one_time_password(self):
        """As docs/DEPLOYMENT.md has it read."""
        return self.saas("core", "one-time-password").strip()

    def administrator(self):
        """An access token. The first time the one-time password is changed to the README's."""
        person = {"email": "admin@localhost", "password": "three green teapots"}
        if self.call("POST", API, "/api/core/v1/auth/login", person).status == 200:
            return self.sign_in(person)
        once = self.one_time_password()
        change = {"current_password": once, "new_password": person["password"]}
        answer = self.call("POST", API, "/api/core/v1/me/password", change, self.sign_in(person | {"password": once}))
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def sign_up(self, name):
        """In production an operator lets in who signed up."""
        person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        made = self.call("POST", API, "/api/core/v1/auth/signup", person | {"name": "Owner", "tenant_name": name})
        assert made.status == 202, made
        operator = self.administrator()
        people = self.call("GET", API, "/api/core/v1/users", token=operator).json()["items"]
        [waiting] = [one["id"] for one in people if one["email"] == person["email"]]
        self.call("POST", API, f"/api/core/v1/users/{waiting}/enable", token=operator)
        return self.sign_in(person)

    def sign_in(self, person):
        answer = self.call("POST", API, "/api/core/v1/auth/login", person)
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def orders(self):
        """The example's service as a container beside the stack, registered by a token."""
        token = self.saas("core", "token", "create", "--service", "orders").split()[-1]
        self.compose("up", "-d", "--no-deps", "orders", env={"REGISTRATION_TOKEN": token})


Answer = collections.namedtuple("Answer", "status headers body")
Answer.json = lambda self: json.loads(self.body)


class Connection(http.client.HTTPSConnection):
    """To this machine, under the name that the certificate and the edge know."""

    def __init__(self, host, port, tls):
        super().__init__(host, port, timeout=30, context=tls)
        self._create_connection = lambda address, *rest: socket.create_connection(("127.0.0.1", port), *rest)

    def call(self, method, path, body=None, token=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Host": self.host}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        self.request(method, path, body, headers)
        answer = self.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


class Load:
    """Requests of several kinds, each kind from two connections, about ninety a second in all: well
    below the limit of requests for an address. Kinds: `business` reads and writes orders, `core`
    asks the database, `console` fetches the page."""

    PAUSE = 0.06

    def __init__(self, stack, token):
        self.stack, self.token = stack, token
        self.ended, self.counts, self.failures = threading.Event(), collections.Counter(), []
        self.slowest = collections.Counter()
        kinds = {
            "business": lambda c, n: c.call("POST", "/api/orders/v1/orders", {"item": "tea", "quantity": 1}, token)
            if n % 4 == 0 else c.call("GET", "/api/orders/whoami", token=token),
            "core": lambda c, n: c.call("GET", "/api/core/v1/me", token=token),
            "console": lambda c, n: c.call("GET", "/"),
        }
        self.threads = [
            threading.Thread(target=self._run, args=(kind, ask), daemon=True) for kind, ask in kinds.items() for _ in range(2)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait("the load", lambda: len(self.counts) == 3, 20)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def _run(self, kind, ask):
        connection, number = self.stack.connection(ADMIN if kind == "console" else API), 0
        while not self.ended.wait(self.PAUSE):
            number += 1
            began = time.monotonic()
            try:
                answer = ask(connection, number)
                wrong = None if answer.status in (200, 201) else f"{answer.status} {answer.body[:200]!r}"
                if answer.status == 503 and not answer.headers["Retry-After"]:
                    wrong += " without Retry-After"
            except (OSError, http.client.HTTPException) as error:
                wrong = repr(error)
                connection.close()
            self.slowest[kind] = max(self.slowest[kind], time.monotonic() - began)
            self.counts[kind] += 1
            if wrong:
                self.failures.append((kind, wrong))

    def expect_none_failed(self, but=lambda kind, wrong: False):
        left = [failure for failure in self.failures if not but(*failure)]
        if left:
            raise Failure(f"{len(left)} of {sum(self.counts.values())} requests failed: {left[:5]}")
