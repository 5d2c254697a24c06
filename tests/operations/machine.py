"""A machine to deploy to: a real sshd of our own on loopback, and a stand-in for its Docker."""

import contextlib
import getpass
import http.server
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from edge import Authority, free_ports
from running_platform import ROOT

DOMAIN = "saas.test"
FILES = ("docker-compose.prod.yml", "docker/traefik/dynamic.yml")
STANDINS = pathlib.Path(__file__).parent / "standins"
OLD, NEW = "1.0.0", "1.1.0"


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {seconds} s")


class Machine:
    """Started by `with`; `installation()` makes a platform of version OLD on it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.user = getpass.getuser()
        self.state = self.folder / "state.json"
        self.programs = self.folder / "programs"

    def __enter__(self):
        self.programs.mkdir()
        self.put_docker()
        self.authority = Authority(self.folder)
        self.authority.issue(f"api.{DOMAIN}")
        self.port, self.https = free_ports(2)
        self.identity, self.host_key = self._key("identity"), self._key("host_key")
        self.known_hosts = self.know(self.host_key, "known_hosts")
        shutil.copy(f"{self.identity}.pub", self.folder / "authorized_keys")
        self.edge = self._edge()
        self.sshd = self._sshd()
        return self

    def __exit__(self, *_):
        self.edge.shutdown()
        self.edge.server_close()
        self.sshd.terminate()
        self.sshd.wait(10)

    @property
    def environment(self):
        """A home of its own: somebody's .bashrc might put the real Docker first. And what goes before .env
        with Compose, unless somebody takes care."""
        return {
            "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder),
            "STANDIN_STATE": str(self.state), "CURL_CA_BUNDLE": str(self.authority.path),
            "IMAGE_TAG": "of-the-shell", "DOMAIN": "of-the-shell", "SECRET_KEY": "of-the-shell",
        }

    @contextlib.contextmanager
    def program(self, name, script):
        """Another program of that name, which finds the real one in $REAL."""
        path = self.programs / name
        path.write_text(f"#!/bin/bash\nREAL={shutil.which(name)}\n{script}\n")
        path.chmod(0o755)
        try:
            yield
        finally:
            path.unlink()

    def put_docker(self):
        """By the tests' own interpreter, and without what takes it long to start: it is called often."""
        program = self.programs / "docker"
        program.unlink(missing_ok=True)
        program.write_text(f"#!{sys.executable} -IS\n{(STANDINS / 'docker.py').read_text()}")
        program.chmod(0o755)

    def _key(self, name):
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def know(self, host_key, name):
        """A file as ssh keeps it: which key the machine has to show."""
        kind, key, *_ = pathlib.Path(f"{host_key}.pub").read_text().split()
        path = self.folder / name
        path.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        return path

    def _sshd(self):
        if os.geteuid() == 0:
            # Only root's sshd has it, and Debian makes it when the service starts.
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        environment = " ".join(f"{name}={value}" for name, value in self.environment.items())
        configuration = self.folder / "sshd_config"
        configuration.write_text(f"""
ListenAddress 127.0.0.1
Port {self.port}
HostKey {self.host_key}
PidFile none
AuthorizedKeysFile {self.folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
SetEnv {environment}
""")
        # sshd starts itself again for each connection and wants to be named by its whole path.
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", configuration]
        process = subprocess.Popen(command, stderr=open(self.folder / "sshd.log", "wb"))

        def listens():
            assert process.poll() is None, (self.folder / "sshd.log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True

        wait_for("sshd", listens)
        return process

    def _edge(self):
        """Answers as the version would that the gateways run."""
        machine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                state = machine.read()
                right = self.path == "/health" and self.headers["Host"].startswith(f"api.{DOMAIN}:")
                state_is_good = not {state["running"].get(name) for name in ("gateway", "gateway-b")} & {None, *state["no_answer"]}
                self.send_response(200 if right and state_is_good else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.https), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "live/fullchain.pem", self.folder / "live/privkey.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def read(self):
        return json.loads(self.state.read_text())

    def change(self, **changes):
        new = self.state.with_suffix(".test")
        new.write_text(json.dumps(self.read() | changes))
        new.rename(self.state)

    def installation(self, folder):
        return Installation(self, folder)


class Installation:
    def __init__(self, machine, folder):
        self.machine, self.folder = machine, pathlib.Path(folder)
        self.secrets = {name: secrets.token_hex(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "METRICS_TOKEN")}
        self.env = self.folder / ".env"
        own = {"DOMAIN": DOMAIN, "IMAGE_PREFIX": "ghcr.io/your-organisation/", "IMAGE_TAG": OLD,
               "HTTPS_PORT": f"127.0.0.1:{machine.https}"} | self.secrets
        lines = []
        for line in (ROOT / ".env.prod.example").read_text().splitlines():
            name = line.partition("=")[0]
            lines.append(f"{name}={own[name]}" if name in own else line)
        self.env.write_text("\n".join(lines) + "\n")
        self.env.chmod(0o600)
        for file in FILES:
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / file).write_text(f"# as of {OLD}\n" + (ROOT / file).read_text())
        services = ("registry", "core", "gateway", "gateway-b", "frontend", "backup")
        machine.state.write_text(json.dumps({
            "published": [OLD, NEW], "local": [OLD], "sick": {}, "no_answer": [], "migration_fails": [], "calls": [],
            "edges": 1, "running": dict.fromkeys(services, OLD) | {"traefik": "v3"},
            "routes_seen": (self.folder / FILES[1]).read_text(),
        }))
        self.before = self.files()

    def files(self):
        return {name: (self.folder / name).read_bytes() for name in (".env", *FILES)}

    def tag(self):
        [line] = [line for line in self.env.read_text().splitlines() if line.startswith("IMAGE_TAG=")]
        return line.partition("=")[2]

    def runs(self):
        """The versions that run: one, if all is consistent."""
        return {tag for service, tag in self.machine.read()["running"].items() if service != "traefik"}

    def ups(self):
        return [call.split()[-1] for call in self.machine.read()["calls"] if " up " in call]

    def status(self):
        """How the newest run ended, if it did."""
        runs = sorted((self.folder / ".deploy").glob("run.*"), key=lambda run: run.stat().st_mtime)
        status = runs[-1] / "status"
        return int(status.read_text()) if status.exists() else None

    def command(self, version=NEW, **options):
        usual = {
            "host": "127.0.0.1", "user": self.machine.user, "version": version, "directory": str(self.folder),
            "port": str(self.machine.port), "identity": str(self.machine.identity),
            "known-hosts": str(self.machine.known_hosts), "limit": "30", "hold": "1",
        } | {name.replace("_", "-"): value for name, value in options.items()}
        words = [word for name, value in usual.items() if value is not None for word in (f"--{name}", value)]
        return [str(ROOT / "scripts/deploy.sh"), *words]

    def deploy(self, version=NEW, **options):
        done = subprocess.run(self.command(version, **options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        self.check_words(done.stdout)
        return done

    def sent(self):
        """A folder as deploy.sh sends it."""
        run = self.folder / f".deploy/run.{secrets.token_hex(6)}"
        sources = [ROOT / "scripts" / name for name in ("deploy-host.sh", "deploy-machine.sh", "dotenv.awk")]
        for source, file in [(ROOT / file, run / file) for file in FILES] + [(source, run / source.name) for source in sources]:
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, file)
        return run

    def on_the_machine(self, *words, run=None, before=(), **options):
        """deploy-host.sh itself, as the machine runs it; without words, a whole deployment."""
        run = run or self.sent()
        name = str(run.relative_to(self.folder))
        words = [word if word != "RUN" else name for word in words or ("run", "RUN", NEW, "30", "1", "-")]
        done = subprocess.run([*before, "bash", f"{name}/deploy-host.sh", *words], cwd=self.folder, env=self.machine.environment,
                              **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 60} | options)
        done.said = (done.stdout or b"").decode()
        self.check_words(done.said)
        return done

    def check_words(self, text):
        told = [name for name, value in self.secrets.items() if value in text]
        assert not told, f"{told} in:\n{text}"

    @contextlib.contextmanager
    def stopped_at(self, what, version=NEW):
        """A deployment that waits in the middle, at a service's replacement, until the block ends."""
        leave = self.folder / "leave"
        self.machine.change(held={what: str(leave)})
        process = subprocess.Popen(self.command(version), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            service, tag = what.split()
            wait_for(what, lambda: self.machine.read()["running"].get(service) == tag)
            yield process
            leave.touch()
        finally:
            leave.touch()
            process.said = process.communicate(timeout=60)[0]
            self.check_words(process.said)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
