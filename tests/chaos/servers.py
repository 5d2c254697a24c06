"""A PostgreSQL and a Redis that belong to the suite alone, to be killed and started again."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from cables import free_port

# A crash of the server must lose nothing, a crash of the machine may.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = off
max_wal_size = 64MB
log_min_messages = fatal
"""
# Whatever is started here ends with the suite, however that ends.
TETHER = ["setpriv", "--pdeathsig", "KILL"]


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)
    return found


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Server:
    def __init__(self, command, log=None):
        self.command, self.process = command, None
        self.log = log

    def start(self):
        output = open(self.log, "ab") if self.log else subprocess.DEVNULL
        self.process = subprocess.Popen([*TETHER, *self.command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")
        self.wait()

    def wait(self):
        wait_for(f"an answer of {self.command[0]}", lambda: answers(self.port) or self._ended())

    def _ended(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.command} ended with {self.process.returncode}")

    def kill(self):
        self.process.kill()
        self.process.wait(20)


class Postgres(Server):
    def __init__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
        programs = found[-1].parent if found else pathlib.Path(shutil.which("initdb")).parent
        self.folder, self.port = tempfile.mkdtemp(prefix="saas-chaos-postgres-"), free_port()
        # PostgreSQL refuses to run as root.
        account = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
        self.is_small = False
        if account:
            # A disk of its own, so that it can be full.
            mount = ["mount", "-t", "tmpfs", "-o", "size=400m,mode=0700", "saas-chaos", self.folder]
            self.is_small = subprocess.run(mount, capture_output=True).returncode == 0
            shutil.chown(self.folder, "postgres", "postgres")
        data = f"{self.folder}/data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8"]
        subprocess.run([*TETHER, *account, *initdb], check=True, stdout=subprocess.DEVNULL, cwd="/")
        with open(f"{data}/postgresql.conf", "a") as file:
            file.write(f"{SETTINGS}port = {self.port}\n")
        super().__init__([*account, str(programs / "postgres"), "-D", data], f"{self.folder}/log")
        self.start()
        self.psql = [str(programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        self.wait_until_open()
        self.sql("CREATE DATABASE saas", "postgres")

    def url(self, port=None):
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/saas"

    def sql(self, statement, database="saas"):
        url = f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
        return subprocess.run([*self.psql, url, "-c", statement], check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def wait_until_open(self):
        """After a crash the port answers before the log was replayed."""
        command = [*self.psql, f"postgresql://postgres@127.0.0.1:{self.port}/postgres", "-c", "SELECT 1"]
        wait_for("PostgreSQL", lambda: subprocess.run(command, capture_output=True, timeout=20).returncode == 0)

    def pids(self):
        pids = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, IndexError):
                if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(self.process.pid):
                    pids.append(int(entry.name))
        return [self.process.pid, *pids]

    def kill(self):
        """The server and each process of a connection, as by a power failure of this machine alone."""
        pids = self.pids()
        self.process.kill()
        for pid in pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)

    def stop(self):
        """As `pg_ctl restart -m fast` stops it: sessions are told, and ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def fill(self):
        """Not a byte is left on its disk."""
        ballast = pathlib.Path(self.folder, "ballast")
        with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass

    def make_room(self):
        pathlib.Path(self.folder, "ballast").unlink(missing_ok=True)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.is_small:
            subprocess.run(["umount", "-l", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Server):
    """Keeps nothing on disk: started again it is empty."""

    def __init__(self):
        self.port = free_port()
        super().__init__(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir()])
        self.start()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
