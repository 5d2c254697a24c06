"""The production stack as somebody installs it: the files an installation consists of in a folder
of its own, a `.env` by `saas config generate`, and Compose. Requests come in at Traefik's published
port over HTTPS."""

import pathlib
import shutil
import time

from client import ADMINISTRATOR, DOMAIN, Client, free_port
from engine import HUB, ROOT

PLATFORM = ("registry", "core", "gateway", "gateway_b", "frontend", "backup")
SERVICES = ("postgres", "redis", *PLATFORM)
NAMES = [f"saas_{service}_prod" for service in SERVICES] + ["saas_traefik"]
# The machine, where the example's service is, and the edge, in the network that .env names.
MACHINE, ORDERS_ADDRESS, EDGE = "172.30.0.1", "172.30.0.240", "172.30.0.250"
ORDERS = f"""services:
  orders:
    container_name: saas_orders
    image: saas-orders:latest
    command: [python3, -u, /srv/orders.py, --data, /tmp/orders.db, --host, "0.0.0.0"]
    environment:
      REGISTRY_URL: http://registry:8001
      ADVERTISE_ADDRESS: {ORDERS_ADDRESS}
      REGISTRATION_TOKEN: ${{REGISTRATION_TOKEN:-}}
    networks:
      saas_network:
        ipv4_address: {ORDERS_ADDRESS}
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


class Stack(Client):
    def __init__(self, engine, folder, tag):
        self.engine, self.folder = engine, pathlib.Path(folder)
        self.http, self.https = free_port(), free_port()
        for file in ("docker-compose.prod.yml", "docker/traefik/dynamic.yml"):
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, self.folder / file)
        (self.folder / "backups").mkdir(exist_ok=True)
        (self.folder / "orders.yml").write_text(ORDERS)
        (self.folder / "network.yml").write_text(NETWORK)
        self.authority = self.folder / "authority.pem"
        # Fresh ones from each of these on, none of them fixed.
        self.addresses = (f"172.30.0.{number}" for number in (10, 40, 70, 140, 170))
        # What containers said is worth keeping: a test that failed can be understood by it alone.
        self.told = ROOT / "test-results/compose"
        shutil.rmtree(self.told, ignore_errors=True)
        self.told.mkdir(parents=True)
        self.generate_settings(tag)
        # What a reader of the quick start, and a test beside others, change in it.
        self.write_settings(
            SIGNUP="open",
            ADMIN_EMAIL=ADMINISTRATOR["email"],
            IMAGE_TAG=tag,
            HTTP_PORT=f"127.0.0.1:{self.http}",
            HTTPS_PORT=f"127.0.0.1:{self.https}",
        )
        self.secrets = [self.settings[name] for name in ("SECRET_KEY", "METRICS_TOKEN", "POSTGRES_PASSWORD", "REDIS_PASSWORD")]
        self.metrics_token = self.settings["METRICS_TOKEN"]

    def generate_settings(self, tag):
        """As docs/DEPLOYMENT.md has it done: by the image, which needs no settings for that."""
        arguments = ("config", "generate", "--domain", DOMAIN, "--email", f"admin@{DOMAIN}", "--output", "-")
        text = self.engine.podman("run", "--rm", f"{HUB}saas-core:{tag}", *arguments)
        file = self.folder / ".env"
        file.touch(mode=0o600)
        file.write_text(f"{text}\n")

    @property
    def settings(self):
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    def write_settings(self, **changes):
        """Changes lines of .env, all of which have to be there."""
        file = self.folder / ".env"
        unknown = changes.keys() - self.settings.keys()
        assert not unknown, unknown
        lines = []
        for line in file.read_text().splitlines():
            name = line.partition("=")[0]
            lines.append(f"{name}={changes[name]}" if name in changes else line)
        file.write_text("\n".join(lines) + "\n")

    def compose(self, *arguments, **options):
        files = ["-f", "docker-compose.prod.yml", "-f", "orders.yml"]
        if self.engine.run("podman", "network", "exists", "saas_network", check=False).returncode == 0 and arguments[0] != "down":
            files += ["-f", "network.yml"]
        return self.engine.run("docker-compose", *files, *arguments, cwd=self.folder, **options)

    def up(self):
        """Seconds until everything is healthy."""
        self.engine.give_addresses_after("saas_network", next(self.addresses))
        began = time.monotonic()
        self.compose("up", "-d", "--no-build", *(service.replace("_", "-") for service in SERVICES), "traefik")
        self.engine.wait_healthy(*NAMES)
        took = time.monotonic() - began
        self.engine.give_addresses_after("saas_network", next(self.addresses))
        self.authority.write_text(self.engine.podman("exec", "saas_traefik", "cat", "/letsencrypt/authority.pem"))
        return took

    def saas(self, service, *arguments):
        """What a `saas` command says, run in a service's container: what `docker exec` does."""
        return self.engine.podman("exec", container(service), "/usr/local/bin/saas", *arguments)

    def logs(self):
        """What each container said, kept in test-results too."""
        found = {}
        for name in [*NAMES, "saas_migrate_prod", "saas_orders"]:
            done = self.engine.run("podman", "logs", "--timestamps", name, check=False)
            found[name] = done.stdout + done.stderr
            (self.told / f"{name}.log").write_text(found[name])
        return found

    def address(self, service):
        return self.engine.inspect(container(service))["NetworkSettings"]["Networks"]["saas_network"]["IPAddress"]

    @property
    def registry(self):
        return self.address("registry")

    def restart(self, service):
        name = container(service) if service != "orders" else "saas_orders"
        self.compose("restart", service.replace("_", "-"))
        if service != "orders":
            self.engine.wait_healthy(name)

    def replace(self, service):
        """By a container of the settings as they are now."""
        self.engine.follow(self.told)
        self.compose("up", "-d", "--no-deps", "--no-build", service)
        self.engine.wait_healthy(container(service))

    def one_time_password(self):
        """As docs/DEPLOYMENT.md has it read."""
        return self.saas("core", "one-time-password").strip()

    def orders(self):
        """The example's service as a container beside the stack, registered by a token."""
        token = self.saas("core", "token", "create", "--service", "orders").split()[-1]
        self.compose("up", "-d", "--no-deps", "orders", env={"REGISTRATION_TOKEN": token})
        self.engine.give_addresses_after("saas_network", next(self.addresses))
