"""A PostgreSQL database of one's own, and a wire to it that can be cut."""

import os
import socket
import subprocess
import threading
import urllib.parse
import uuid


def sql(url, statement):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def new_database():
    """Its URL; the server is the one that `with-servers` started, and ends with it."""
    server = os.environ["SAAS_TEST_POSTGRES_URL"]
    name = f"clients_{uuid.uuid4().hex[:12]}"
    sql(server, f"CREATE DATABASE {name}")
    return urllib.parse.urlsplit(server)._replace(path=f"/{name}").geturl()


class Cable:
    """Stands between the platform and the server; pulled, frozen and put back by the test.

    To the platform it is the server that went away or hangs, while other tests go on using it.
    """

    def __init__(self, url):
        self.server = urllib.parse.urlsplit(url)
        self.flows = threading.Event()
        self.flows.set()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    @property
    def url(self):
        user, _, _ = self.server.netloc.rpartition("@")
        return self.server._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection((self.server.hostname, self.server.port))
            except OSError:
                return
            self.open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=[source, sink], daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while piece := source.recv(65536):
                self.flows.wait()
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            close(end)

    def pull(self):
        """As a server that was stopped: connections break and new ones are refused."""
        close(self.listener)
        for end in list(self.open):
            close(end)
        self.open.clear()

    def put_back(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def freeze(self):
        """As a server that hangs: connections stay open and nothing comes."""
        self.flows.clear()

    def thaw(self):
        self.flows.set()


def close(end):
    try:
        # A thread that waits for it would keep it open.
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
