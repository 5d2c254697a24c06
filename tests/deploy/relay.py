"""The edge at its usual ports, which tests leave free on the machine: what comes to `address` at one port is
passed on to another port of 127.0.0.1."""

import contextlib
import socket
import threading


@contextlib.contextmanager
def relay(address, ports):
    """`ports`: from which to which."""
    with contextlib.ExitStack() as stack:
        for begin, end in ports.items():
            listener = stack.enter_context(socket.create_server((address, begin)))
            threading.Thread(target=accept, args=[listener, end], daemon=True).start()
            # A thread that waits for the next connection does not notice that its socket was closed.
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield


def accept(listener, port):
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=pass_on, args=[client, port], daemon=True).start()


def pass_on(client, port):
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=pump, args=[server, client], daemon=True)
        back.start()
        pump(client, server)
        back.join()


def pump(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
