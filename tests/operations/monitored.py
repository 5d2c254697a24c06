"""The platform in parts, and what watches it: everything real, on free loopback ports.

PostgreSQL with a standby server, Redis, registry, core, two gateways and an example service;
Prometheus and Alertmanager with the configuration that is shipped, of which only addresses,
intervals and the places of files are replaced; and somebody who is told of alerts.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

from collector import Collector
from running_platform import BINARY, ROOT, call
from vault_stand_in import Vault

MONITORING = ROOT / "monitoring"
START_SECONDS = 60
METRICS_TOKEN = "a-token-for-the-scraper"
WEBHOOK_TOKEN = "a-token-for-the-webhook"
SCRAPE_SECONDS = 1
# Tenants' limits refuse what comes faster, so that there are refusals to show.
TENANT_LIMIT = 2

# What Traefik and the gateway's certificates would tell, told here by a stand-in.
CERTIFICATE_STAND_IN = """\
# TYPE saas_tls_certificate_not_after_timestamp_seconds gauge
saas_tls_certificate_not_after_timestamp_seconds{{domain="api.example.com"}} {later}
# TYPE traefik_tls_certs_not_after gauge
traefik_tls_certs_not_after{{cn="admin.example.com",sans="",serial="1"}} {later}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=START_SECONDS, pause=0.05):
    """The condition's first true value; it may fail with an assertion until then."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found, said = condition(), ""
        except (AssertionError, OSError, ValueError) as error:
            found, said = None, f": {error}"
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s{said}"
        time.sleep(pause)


class Program:
    """A started program, whose output is kept in a file for the report of a failure."""

    def __init__(self, name, command, folder, environment=None, stop=signal.SIGTERM):
        self.name, self.command, self.environment, self.stop_signal = name, command, environment, stop
        self.log = pathlib.Path(folder) / f"{name}.out"
        self.folder = folder
        self.start()

    def start(self):
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.command, stdout=output, stderr=output, cwd=self.folder, env=self.environment
            )

    def is_alive(self):
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.text()}"
        return True

    def text(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                # Longer than SHUTDOWN_GRACE_SECONDS.
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


class Told(http.server.ThreadingHTTPServer):
    """Answers with a text, and keeps what is sent to it."""

    def __init__(self, text=lambda: ""):
        self.text, self.bodies = text, []
        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, args=[0.1], daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def alerts(self, status, name):
        """What arrived of this alert, each with its labels."""
        messages = [body for authorised, body in list(self.bodies) if authorised]
        alerts = [alert for message in messages for alert in message["alerts"]]
        return [a for a in alerts if a["status"] == status and a["labels"]["alertname"] == name]


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.server.text().encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        authorised = self.headers.get("Authorization") == f"Bearer {WEBHOOK_TOKEN}"
        self.server.bodies.append((authorised, json.loads(body)))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Cluster:
    """A PostgreSQL server with a standby that streams from it."""

    SETTINGS = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nshared_buffers = 32MB\n"

    def __init__(self, stack, folder):
        self.folder = pathlib.Path(folder) / "postgres"
        self.folder.mkdir()
        # PostgreSQL refuses to run as root.
        self.account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.account:
            shutil.chown(self.folder, "postgres")
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        self.programs = found[-1].parent if found else pathlib.Path("/usr/bin")
        primary, standby = self.folder / "primary", self.folder / "standby"
        self.port, standby_port = free_port(), free_port()
        self.run("initdb", "-D", primary, "-U", "postgres", "-A", "trust", "--no-sync")
        self.configure(primary, self.port)
        self.start(stack, primary)
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        wait_for("PostgreSQL", lambda: self.sql("SELECT 1"))
        self.run("pg_basebackup", "-D", standby, "-d", self.url, "-R", "--no-sync", "-c", "fast")
        self.configure(standby, standby_port)
        self.start(stack, standby)

    def configure(self, data, port):
        # As the account that owns it: what root appends would be root's.
        text = f"{self.SETTINGS}port = {port}\ncluster_name = '{data.name}'\n"
        command = [*self.account, "tee", "-a", data / "postgresql.conf"]
        subprocess.run(command, input=text.encode(), check=True, stdout=subprocess.DEVNULL)

    def start(self, stack, data):
        command = [*self.account, self.programs / "postgres", "-D", data]
        server = Program(data.name, command, self.folder.parent)
        stack.callback(self.halt, data, server)

    def halt(self, data, server):
        self.run("pg_ctl", "stop", "-D", data, "-m", "immediate", check=False)
        server.stop()

    def run(self, program, *arguments, check=True):
        command = [*self.account, self.programs / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.folder)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, statement):
        command = ["psql", "-X", "-A", "-t", self.url, "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()


class Distributed:
    """Registry, core, two gateways and the schedule of backups, as docker-compose.prod.yml has them."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.cluster = Cluster(stack, folder)
        self.redis_port = free_port()
        self.redis = self.program(
            "redis", ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        )
        self.secret = secrets.token_hex(32)
        self.password = secrets.token_hex(16)
        self.ports = {name: free_port() for name in ("registry", "core", "gateway", "gateway-b", "backup")}
        # One of them has its secret from Vault and gives traces, so that there are the figures of both.
        vault, collector = stack.enter_context(Vault()), stack.enter_context(Collector())
        vault.put(SECRET_KEY=self.secret)
        self.further = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token(), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        self.services = {name: self.service(name) for name in self.ports}
        for name in self.ports:
            self.ready(name)
        self.api = f"{self.url('gateway')}/api"
        self.recover()

    def recover(self):
        """A backup that was missed and is made up for, and a drill."""
        moment = "date_trunc('day', now()) - interval '3 days'"
        self.cluster.sql(
            "INSERT INTO recovery_runs (id, kind, status, scheduled_for, started_at, finished_at, holder, detail) VALUES "
            f"(gen_random_uuid(), 'backup', 'failed', {moment}, {moment}, {moment}, 'nobody', '{{}}'), "
            "(gen_random_uuid(), 'drill', 'succeeded', NULL, now(), now(), 'nobody', "
            """'{"report": {"recovery_time_ms": 12500, "recovery_point_seconds": 3600}}')"""
        )

    def program(self, name, command, environment=None):
        made = Program(name, command, self.folder, environment)
        self.stack.callback(made.stop)
        return made

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def address(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def service(self, name):
        role = name.removesuffix("-b")
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return self.program(
            name,
            [BINARY, "backup", "schedule"] if role == "backup" else [BINARY, role],
            kept
            | {
                "DATA_DIR": f"{self.folder}/{name}",
                "DATABASE_URL": self.cluster.url,
                "DATABASE_MIN_CONNECTIONS": "2",
                "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
                "SECRET_KEY": self.secret,
                "METRICS_TOKEN": METRICS_TOKEN,
                "ADMIN_PASSWORD": self.password,
                "PUBLIC_URL": "http://127.0.0.1:8000",
                "REGISTRY_URL": self.url("registry"),
                "RATE_LIMIT_PER_ADDRESS": "0",
                "RATE_LIMIT_PER_TENANT": str(TENANT_LIMIT),
                f"{role.upper()}_PORT": str(self.ports[name]),
            }
            | (self.further if name == "core" else {}),
        )

    def ready(self, name):
        program = self.services[name]
        wait_for(
            f"readiness of {name}",
            lambda: program.is_alive() and call("GET", f"{self.url(name)}/health/ready").status == 200,
        )

    def example(self):
        """An example service, found by the registry."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        command = [sys.executable, ROOT / "examples/python/orders.py", "--data", f"{self.folder}/orders.db"]
        self.program("orders", command, kept | {"REGISTRY_URL": self.url("registry")})
        token = METRICS_TOKEN
        listed = f"{self.url('registry')}/v1/services/orders/instances?status=up"
        wait_for("orders", lambda: call("GET", listed, token=token).json().get("items"))


class Traffic:
    """A little of everything that people do, until the end."""

    def __init__(self, platform):
        self.platform, self.ended = platform, threading.Event()
        self.api = platform.api
        # Nothing listens there: every attempt to connect fails, and so does its health check.
        broken = {"id": "broken-1", "address": "127.0.0.1", "port": free_port(), "lease_seconds": 3600}
        registry = f"{platform.url('registry')}/v1/services"
        assert call("POST", f"{registry}/broken/instances", broken).status == 201
        checked = broken | {"id": "checked-1", "check": {"type": "tcp", "interval_seconds": 1}}
        made = call("POST", f"{registry}/checked/instances", checked)
        assert made.status == 201, made
        self.tokens = [self.sign_up(name) for name in ("teahouse", "bookshop", "pottery")]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def sign_up(self, name):
        self.person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        person = self.person | {"name": "Owner", "tenant_name": name}
        made = call("POST", f"{self.api}/core/v1/auth/signup", person)
        assert made.status == 201, made
        return self.sign_in()

    def sign_in(self):
        answer = call("POST", f"{self.api}/core/v1/auth/login", self.person)
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def run(self):
        with contextlib.suppress(AssertionError, OSError):
            while not self.ended.wait(0.3):
                self.once()

    def once(self):
        teahouse, bookshop, pottery = self.tokens
        # More than they may: twice the limit passes at once, the rest is refused.
        for token in (teahouse, bookshop):
            for _ in range(TENANT_LIMIT * 3):
                call("GET", f"{self.api}/orders/v1/orders", token=token)
        call("POST", f"{self.api}/orders/v1/orders", {"item": "tea"}, token=pottery)
        call("GET", f"{self.api}/core/v1/me", token=pottery)
        call("GET", f"{self.api}/broken/x", token=pottery)
        call("GET", f"{self.api}/orders/v1/orders", token="nonsense")
        call("POST", f"{self.api}/core/v1/auth/login", self.person | {"password": "wrong"})
        if not hasattr(self, "signed_in_at") or time.monotonic() - self.signed_in_at > 2:
            self.signed_in_at = time.monotonic()
            self.sign_in()

    def stop(self):
        self.ended.set()
        self.thread.join(20)


def shortened(folder):
    """The rules as they are shipped, but that nothing has to last before it counts."""
    target = pathlib.Path(folder) / "rules"
    target.mkdir()
    for path in sorted((MONITORING / "rules").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in document["groups"]:
            for rule in group["rules"]:
                if "for" in rule:
                    rule["for"] = "1s"
        (target / path.name).write_text(yaml.safe_dump(document), encoding="utf-8")


def uncommented(text, first, last):
    """The configuration with the lines between these two made to count: what a reader does."""
    begin, end = text.index(first), text.index(last) if last else len(text)
    block = re.sub(r"^(\s*)#(?! ---) ?", r"\1", text[begin:end], flags=re.MULTILINE)
    return text[:begin] + block + text[end:]


class Watch:
    """Prometheus and Alertmanager, watching the platform."""

    def __init__(self, stack, folder, platform):
        self.folder, self.platform = folder, platform
        now = time.time()
        self.edge = Told(lambda: CERTIFICATE_STAND_IN.format(later=int(now) + 60 * 86400))
        self.receiver = Told()
        for server in (self.edge, self.receiver):
            stack.callback(server.shutdown)
        self.port, self.alerts_port = free_port(), free_port()
        self.url, self.alerts_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.alerts_port}"
        shortened(folder)
        self.programs = [self.alertmanager(stack), self.prometheus(stack)]
        for url, program in zip((self.alerts_url, self.url), self.programs):
            wait_for(program.name, lambda: program.is_alive() and call("GET", f"{url}/-/ready").status == 200)

    def prometheus(self, stack):
        secret = pathlib.Path(self.folder) / "metrics_token"
        secret.write_text(METRICS_TOKEN)
        addresses = {
            "registry:8001": self.platform.address("registry"),
            "core:8002": self.platform.address("core"),
            "gateway:8000": self.platform.address("gateway"),
            "gateway-b:8000": self.platform.address("gateway-b"),
            "backup:8003": self.platform.address("backup"),
            "traefik:8083": self.edge.address,
            "alertmanager:9093": f"127.0.0.1:{self.alerts_port}",
            "localhost:9090": f"127.0.0.1:{self.port}",
        }
        text = (MONITORING / "prometheus.yml").read_text(encoding="utf-8")
        for name, address in addresses.items():
            assert name in text, f"prometheus.yml does not name {name}"
            text = text.replace(name, address)
        text = text.replace("secrets/metrics_token", str(secret))
        configuration = yaml.safe_load(text)
        every = f"{SCRAPE_SECONDS}s"
        configuration["global"] |= {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
        for job in configuration["scrape_configs"]:
            for discovery in job.get("http_sd_configs", []):
                discovery["refresh_interval"] = every
        path = pathlib.Path(self.folder) / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        command = [
            "prometheus",
            f"--config.file={path}",
            f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        program = Program("prometheus", command, self.folder)
        stack.callback(program.stop)
        return program

    def alertmanager(self, stack):
        secret = pathlib.Path(self.folder) / "webhook_token"
        secret.write_text(WEBHOOK_TOKEN)
        text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
        text = uncommented(text, "# --- by webhook", "# --- by e-mail")
        text = text.replace("https://alerts.example.com/saas", f"http://{self.receiver.address}/")
        text = text.replace("/etc/alertmanager/secrets/webhook_token", str(secret))
        configuration = yaml.safe_load(text)
        for route in [configuration["route"], *configuration["route"]["routes"]]:
            route |= {"group_wait": "1s", "group_interval": "1s"}
        path = pathlib.Path(self.folder) / "alertmanager.yml"
        path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        command = [
            "prometheus-alertmanager",
            f"--config.file={path}",
            f"--storage.path={self.folder}/alerts",
            f"--web.listen-address=127.0.0.1:{self.alerts_port}",
            "--cluster.listen-address=",
        ]
        program = Program("alertmanager", command, self.folder)
        stack.callback(program.stop)
        return program

    def ask(self, path, **parameters):
        answer = call("GET", f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}").json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    def query(self, expression):
        found = self.ask("query", query=expression)
        return [found["result"]] if found["resultType"] == "scalar" else found["result"]

    def firing(self, name):
        found = self.ask("alerts")["alerts"]
        return [a["labels"] for a in found if a["labels"]["alertname"] == name and a["state"] == "firing"]

    def suppressed(self, name):
        alerts = call("GET", f"{self.alerts_url}/api/v2/alerts").json()
        return [a for a in alerts if a["labels"]["alertname"] == name and a["status"]["inhibitedBy"]]


@contextlib.contextmanager
def watched():
    with tempfile.TemporaryDirectory(prefix="saas-monitored-") as folder, contextlib.ExitStack() as stack:
        # The account that PostgreSQL runs as has to get through.
        os.chmod(folder, 0o711)
        platform = Distributed(stack, folder)
        platform.example()
        watch = Watch(stack, folder, platform)
        traffic = Traffic(platform)
        stack.callback(traffic.stop)
        yield watch
