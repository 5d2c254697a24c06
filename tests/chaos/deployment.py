"""The platform under test: its processes, what they depend on, and two services of two instances each."""

import pathlib
import resource
import secrets
import signal
import sys
import tempfile

from cables import Cable, Loop, free_port
from certificates import Certificates
from servers import TETHER, Postgres, Redis, wait_for

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "scripts")]
import kept_secret  # noqa: E402
from quickstart import Process, clean_environment, is_ready  # noqa: E402
from running_platform import BINARY, FAILED, call  # noqa: E402

SERVICES = ("orders", "billing")
PASSWORD = "three green kettles and a storm"


class Member:
    """One process of the platform, or one of a service: killed, frozen and started again under the same name."""

    def __init__(self, name, command, port, environment, data=None):
        self.name, self.command, self.port, self.environment, self.data = name, command, port, environment, data
        self.url, self.process, self.lines = f"http://127.0.0.1:{port}", None, []

    @property
    def role(self):
        return self.name.partition("-")[0]

    def start(self, **preload):
        # Python ignores SIGXFSZ; so does the platform then, and a file too large is an error to it.
        self.process = Process(self.name, [*TETHER, *self.command], self.environment | preload, restore_signals=False)
        self.process.lines = self.lines
        self.gone = False

    @property
    def pid(self):
        return self.process.started.pid

    def status(self):
        return self.process.started.poll()

    def send(self, kind):
        self.process.started.send_signal(kind)

    def kill(self):
        self.gone = True
        self.send(signal.SIGKILL)
        self.process.started.wait(20)

    def stop(self):
        """SIGTERM, as everybody stops it; whatever is not 0 is a failure."""
        self.gone = True
        status = self.process.stop()
        if status != 0:
            raise AssertionError(f"{self.name} stopped with {status}")

    def is_ready(self):
        return self.status() is None and (is_ready(self.url) if self.data else True)

    def limit_files(self, size):
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Deployment:
    """What both forms have in common. `with` starts it and stops it."""

    form, redis, postgres, certificates = None, None, None, None

    def __init__(self):
        self.members, self.services, self.cables = [], [], {}
        self.secret = secrets.token_hex(32)
        kept_secret.remember(self.secret, PASSWORD)
        self.settings = {
            "SECRET_KEY": self.secret,
            "ADMIN_PASSWORD": PASSWORD,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "ACCESS_TOKEN_EXPIRE_MINUTES": "240",
            # Far above what the clients ask for, so that limits are counted and refuse nobody.
            "RATE_LIMIT_PER_TENANT": "5000",
            "RATE_LIMIT_PER_ADDRESS": "5000",
            "LOG_FORMAT": "json",
        }

    def __enter__(self):
        self.kept = tempfile.TemporaryDirectory(prefix="saas-chaos-")
        self.folder = pathlib.Path(self.kept.name)
        try:
            self.build()
            for member in self.members:
                member.start()
            self.wait_until_ready()
            self.build_services()
            for member in self.services:
                member.start()
        except BaseException:
            self.close()
            raise
        return self

    def member(self, name, role, port, **settings):
        data = self.folder / name
        environment = clean_environment(data, **self.settings, **settings)
        member = Member(name, [BINARY, role], port, environment, data)
        self.members.append(member)
        return member

    def build_services(self):
        for name in SERVICES:
            for number, registry in zip((1, 2), self.registries * 2):
                port = free_port()
                file = self.folder / f"{name}-{number}.counted"
                command = [sys.executable, str(HERE / "service.py"), name, str(port), registry, str(file)]
                self.services.append(Member(f"{name}-{number}", command, port, clean_environment(self.folder)))

    def __getitem__(self, name):
        return next(member for member in self.members + self.services if member.name == name)

    def of(self, role):
        return [member for member in self.members if member.role == role]

    def wait_until_ready(self):
        for member in self.members:
            wait_for(f"readiness of {member.name}", lambda: member.is_ready() or self._ended(member))

    def _ended(self, member):
        if member.status() is not None:
            raise AssertionError(f"{member.name} ended with {member.status()}:\n" + "\n".join(member.lines[-30:]))

    def ended_by_themselves(self):
        """Those that a supervisor would start again now."""
        return [member for member in self.members + self.services if not member.gone and member.status() is not None]

    def ask_registry(self, path):
        """What one of the registries lists; nothing while it is away."""
        try:
            answer = call("GET", f"{self.registries[0]}{path}")
        except OSError:
            return []
        return answer.json()["items"] if answer.status == 200 else []

    def counted(self):
        """What the services counted: by number of the call, the tenants it was counted for."""
        calls = {}
        for file in self.folder.glob("*.counted"):
            for line in file.read_text().splitlines():
                number, tenant = line.split(" ", 1)
                calls.setdefault(number, []).append(tenant)
        return calls

    def wrong_in_logs(self):
        """No panic, no request answered with 500, no secret."""
        found = []
        for member in self.members:
            lines = list(member.lines)
            found += [f"{member.name}: {line}" for line in lines if "panicked" in line or FAILED.search(line)]
            found += [f"{member.name} told a secret" for _ in kept_secret.found_in("\n".join(lines))]
        return found

    def keep_logs(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for member in self.members + self.services:
            (folder / f"{self.form}-{member.name}.log").write_text("\n".join(member.lines) + "\n")

    def close(self):
        for member in reversed(self.members + self.services):
            if member.process and member.status() is None:
                member.kill()
        for server in (self.postgres, self.redis):
            if server:
                server.close()
        self.kept.cleanup()

    def __exit__(self, *_):
        self.close()


class Distributed(Deployment):
    """Two registries, two cores and two gateways; PostgreSQL and Redis behind a cable for each of them."""

    form = "distributed"

    def build(self):
        self.loop = Loop()
        self.certificates = Certificates(self.folder, free_port())
        self.certificates.begin(8)
        self.postgres, self.redis = Postgres(), Redis()
        names = [f"{role}-{number}" for role in ("registry", "core", "gateway") for number in (1, 2)]
        ports = {name: free_port() for name in names}
        for name in names:
            self.cables[f"redis of {name}"] = Cable(self.loop, self.redis.port)
        for name in names[:4]:
            self.cables[f"postgres of {name}"] = Cable(self.loop, self.postgres.port)
        for name in names[:2]:
            self.cables[f"way to {name}"] = Cable(self.loop, ports[name])
        self.registries = [self.at(f"way to {name}") for name in names[:2]]
        for name in names:
            role = name.partition("-")[0]
            own = {f"{role.upper()}_PORT": str(ports[name])}
            own["REDIS_URL"] = self.at(f"redis of {name}", "redis") + "/0"
            if role != "gateway":
                own["DATABASE_URL"] = self.postgres.url(self.cables[f"postgres of {name}"].port)
                own |= {"DATABASE_MIN_CONNECTIONS": "2", "DATABASE_MAX_CONNECTIONS": "15"}
            if role != "registry":
                own["REGISTRY_URL"] = ",".join(self.registries)
            if name == "gateway-1":
                files = {"TLS_CERT_FILE": "tls.pem", "TLS_KEY_FILE": "tls.key"}
                own |= {setting: str(self.folder / file) for setting, file in files.items()}
                own["HTTPS_PORT"] = str(self.certificates.port)
            self.member(name, role, ports[name], **own)
        self.gateways = [ports["gateway-1"], ports["gateway-2"]]

    def at(self, cable, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.cables[cable].port}"

    def cables_of(self, *words):
        return [cable for name, cable in self.cables.items() if all(word in name for word in words)]


class OneProcess(Deployment):
    """`saas up` on SQLite, as `make up` starts it."""

    form = "one process"

    def build(self):
        gateway, registry, core = free_port(), free_port(), free_port()
        ports = {"GATEWAY_PORT": str(gateway), "REGISTRY_PORT": str(registry), "CORE_PORT": str(core)}
        self.member("up", "up", gateway, **ports)
        self.gateways, self.registries = [gateway], [f"http://127.0.0.1:{registry}"]
