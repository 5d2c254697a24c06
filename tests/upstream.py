"""A business service that behaves as it is told to, on bare sockets."""

import socket
import threading
import time

from running_platform import call


class Upstream:
    """Reads each request's head and hands it to `behave(connection, head)`; then closes."""

    def __init__(self, behave, backlog=64, port=0):
        self.behave, self.heads = behave, []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=backlog)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Closing alone lets the thread that waits in `accept` take one more.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                read = b""
                while b"\r\n\r\n" not in read:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    read += piece
                head, _, body = read.partition(b"\r\n\r\n")
                self.heads.append(head.decode("latin-1"))
                self.behave(connection, head.decode("latin-1"), body)
            except OSError:
                pass

    def register(self, platform, service):
        body = {"address": "127.0.0.1", "port": self.port, "lease_seconds": 3600}
        made = call("POST", f"{platform.registry}/v1/services/{service}/instances", body)
        assert made.status == 201, made.body
        return made.json()["id"]


def reachable(platform, path, token):
    """Waits until the gateway has heard of the service."""
    deadline = time.monotonic() + 10
    while (answer := call("GET", f"{platform.gateway}{path}", token=token)).status in (404, 503):
        assert time.monotonic() < deadline, answer.body
    return answer
