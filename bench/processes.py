"""Starts and stops what is measured, and reads what it costs from /proc."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

TICK = 1 / os.sysconf("SC_CLK_TCK")
READY = b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Broken(Exception):
    """The measurement cannot be made; the text says why."""


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def program(name):
    # Debian keeps nginx where an ordinary user's PATH does not look.
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise Broken(f"{name} is not installed; `make bench` installs it")
    return path


def is_ready(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.settimeout(5)
            connection.sendall(READY)
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Process:
    """A process, ended with the `with` that started it."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.log = name, pathlib.Path(log)
        with open(self.log, "ab") as output:
            self.begun = time.perf_counter()
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        self.pid = self._child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(40)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def wait_ready(self, ports, seconds=60):
        """Seconds from the start to the first 200 of the last of these ports."""
        left = set(ports)
        while left:
            left -= {port for port in left if is_ready(port)}
            if self._child.poll() is not None:
                raise Broken(f"{self.name} ended with {self._child.returncode}:\n{self.said()}")
            if time.perf_counter() - self.begun > seconds:
                raise Broken(f"{self.name} is not ready after {seconds} s:\n{self.said()}")
            if left:
                time.sleep(0.001)
        return time.perf_counter() - self.begun

    def said(self):
        return self.log.read_text(errors="replace")[-2000:]

    def family(self):
        """This process and its children: nginx works in those."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def cpu(self):
        """Processor seconds so far, in user space and in the kernel, of all threads, those that
        have ended included."""
        user = system = 0
        for pid in self.family():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        return user * TICK, system * TICK

    def resident(self):
        """Resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


class Platform(Process):
    """`saas up` of the release build, with its limits out of the way of the load."""

    PASSWORD = "a measured password of the bench"

    def __init__(self, binary, data, threads, certificate=None):
        self.data = pathlib.Path(data)
        self.gateway, self.registry, self.core, self.https = free_ports(4)
        self.ports = [self.gateway, self.registry, self.core]
        settings = {
            "DATA_DIR": str(data),
            "GATEWAY_PORT": str(self.gateway),
            "REGISTRY_PORT": str(self.registry),
            "CORE_PORT": str(self.core),
            "GATEWAY_THREADS": str(threads),
            "ADMIN_PASSWORD": self.PASSWORD,
            "ACCESS_TOKEN_EXPIRE_MINUTES": "240",
            "RATE_LIMIT_PER_TENANT": "0",
            "RATE_LIMIT_PER_ADDRESS": "0",
        }
        if certificate:
            settings["TLS_CERT_FILE"], settings["TLS_KEY_FILE"] = map(str, certificate)
            settings["HTTPS_PORT"] = str(self.https)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        super().__init__("saas up", [binary, "up"], f"{data}.log", kept | settings)

    def wait_ready(self, ports=None, seconds=60):
        seconds = super().wait_ready(ports or self.ports, seconds)
        # Looked at after the clock has stopped: the file is for programs that pick no ports, and is
        # written when the platform has seen its own readiness.
        deadline = time.monotonic() + 5
        while self._told() != self.pid:
            if time.monotonic() > deadline:
                raise Broken(f"run.json names process {self._told()}, and this is {self.pid}")
            time.sleep(0.005)
        return seconds

    def _told(self):
        """The process that run.json names, if there is one."""
        try:
            return json.loads((self.data / "run.json").read_text())["pid"]
        except FileNotFoundError:
            return None


class Nginx(Process):
    """nginx with a configuration of its own in a directory of its own."""

    def __init__(self, name, directory, threads, servers):
        directory = pathlib.Path(directory) / name
        directory.mkdir()
        temporary = "\n".join(
            f"    {kind}_temp_path {directory}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root root;" if os.geteuid() == 0 else ""
        (directory / "nginx.conf").write_text(
            f"""{user}
worker_processes {threads};
daemon off;
pid {directory}/pid;
error_log {directory}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
{temporary}
    keepalive_requests 1000000000;
{servers}
}}
"""
        )
        command = [program("nginx"), "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"]
        super().__init__(name, command, directory / "log")


def upstreams(directory, body_bytes):
    """Two services that cost next to nothing: one nginx worker that answers from memory."""
    ports = free_ports(2)
    body = "x" * body_bytes
    listens = "\n".join(f"        listen 127.0.0.1:{port};" for port in ports)
    servers = f"""
    server {{
{listens}
        default_type text/plain;
        location / {{ return 200 "{body}"; }}
    }}"""
    return Nginx("upstreams", directory, 1, servers), ports


def certificate(directory):
    """A certificate and its key, as most have them: ECDSA on P-256."""
    paths = pathlib.Path(directory) / "bench.pem", pathlib.Path(directory) / "bench.key"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "30"]
    command = [program("openssl"), "req", "-x509", *kind, *names, "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    paths[1].chmod(0o600)
    return paths


def proxy(directory, threads, ports, pair):
    """What the gateway is held against: proxy_pass and nothing else, plain and by TLS."""
    port, secure = free_ports(2)
    members = "\n".join(f"        server 127.0.0.1:{each};" for each in ports)
    servers = f"""
    upstream measured {{
        least_conn;
{members}
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} reuseport;
        listen 127.0.0.1:{secure} ssl reuseport;
        ssl_certificate {pair[0]};
        ssl_certificate_key {pair[1]};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:1m;
        location / {{
            proxy_pass http://measured;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}"""
    return Nginx("proxy", directory, threads, servers), port, secure
