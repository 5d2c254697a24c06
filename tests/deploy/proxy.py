"""kube-proxy's part: a Service has a stable address, and hands each new connection to a ready pod."""

import asyncio
import random
import socket

# Linux: an address may be listened on before its interface is there.
IP_FREEBIND = 15


class Service:
    """Connections that are there stay where they are; a new one goes to an endpoint chosen at random."""

    def __init__(self, loop, node, port, target):
        self.port, self.target, self.endpoints = port, target, []
        self.loop, self.refused = loop, 0
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listening.bind((node, port))
        self.server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, sock=listening), loop
        ).result(10)

    def set(self, endpoints):
        """At once; who delays is the caller's business."""
        self.endpoints = list(endpoints)

    async def _connected(self, reader, writer):
        if not self.endpoints:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection(random.choice(self.endpoints), self.target)
        except OSError:
            # kube-proxy does not try another one either.
            self.refused += 1
            writer.transport.abort()
            return
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        for each in (writer, there[1]):
            each.close()

    @staticmethod
    async def _pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)
