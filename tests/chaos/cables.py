"""Cables between the platform's processes and what they depend on, which can be pulled, frozen and stretched."""

import asyncio
import contextlib
import random
import socket
import threading


def free_port():
    """Below the ports that the kernel gives to outgoing connections: it stays free while its owner restarts."""
    while True:
        port = random.randrange(15000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Loop:
    """All cables lie in one thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="cables", daemon=True).start()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)


class Cable:
    """Listens at `port` and leads to `target`, both on this machine."""

    def __init__(self, loop, target):
        self.run, self.target, self.port = loop.do, target, free_port()
        self.delay, self.open, self.listener = 0, set(), None
        self.run(self._begin())

    async def _begin(self):
        self.flows = asyncio.Event()
        self.flows.set()
        await self._listen()

    async def _listen(self):
        if self.listener is None:
            self.listener = await asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=1 << 18)

    async def _connect(self, reader, writer):
        self.open.add(writer)
        try:
            await self.flows.wait()
            onward, back = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 18)
        except OSError:
            self._abort(writer)
            return
        self.open.add(back)
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(onward, writer))
        self._abort(writer, back)

    async def _pass_on(self, source, sink):
        try:
            while piece := await source.read(1 << 18):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.flows.wait()
                sink.write(piece)
                await sink.drain()
            sink.write_eof()
        except (OSError, RuntimeError):
            self._abort(sink)

    def _abort(self, *ends):
        for end in ends:
            end.transport.abort()
            self.open.discard(end)

    async def _cut(self):
        self._abort(*self.open)

    async def _pull(self):
        if self.listener:
            self.listener.close()
            self.listener = None
        await self._cut()

    async def _set(self, flows, delay):
        self.delay = delay
        self.flows.set() if flows else self.flows.clear()
        await self._listen()

    def cut(self):
        """Connections break; new ones are let through."""
        self.run(self._cut())

    def pull(self):
        """Connections break and new ones are refused: nobody is there."""
        self.run(self._pull())

    def freeze(self):
        """Connections stay open, new ones are taken, and nothing comes through: the network swallows it."""
        self.run(self._set(flows=False, delay=0))

    def stretch(self, seconds):
        """Everything takes so much longer, in each direction."""
        self.run(self._set(flows=True, delay=seconds))

    def mend(self):
        self.run(self._set(flows=True, delay=0))
