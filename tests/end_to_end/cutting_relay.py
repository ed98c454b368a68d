"""A plain TCP relay that a test can cut, silence and take down; TLS passes it untouched."""

import asyncio
import socket
import struct
import threading


class CuttingRelay:
    def __init__(self, target):
        self.target = target
        self.swallowing = False
        self.swallowed = set()
        self.pairs = {}  # and how many bytes went through each
        self.accepted = self.cuts = 0
        self.server = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = self._call(self._listen(0))

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    async def _listen(self, port):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.accepted += 1
        try:
            other_reader, other_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, other_writer)
        self.pairs[pair] = 0
        await asyncio.gather(self._pass(pair, reader, other_writer), self._pass(pair, other_reader, writer))
        self.pairs.pop(pair, None)
        for end in pair:
            end.close()

    async def _pass(self, pair, reader, writer):
        try:
            while piece := await reader.read(65536):
                if self.swallowing or pair in self.swallowed:
                    continue
                if pair in self.pairs:
                    self.pairs[pair] += len(piece)
                writer.write(piece)
                await writer.drain()
            if not self.swallowing and pair not in self.swallowed:
                writer.write_eof()
        except (OSError, RuntimeError):
            pass

    async def _reset_all(self):
        for pair in list(self.pairs):
            for writer in pair:
                # No linger time: the kernel sends a RST (socket(7)).
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        count = len(self.pairs)
        self.pairs.clear()
        return count

    async def _close_listener(self):
        self.server.close()
        await self.server.wait_closed()

    def cut(self):
        """RST to both ends of everything; how many connections there were."""
        self.cuts += 1
        return self._call(self._reset_all())

    def swallow(self):
        """From now on nothing gets through, and nobody is told."""
        self.swallowing = True

    def swallow_busiest(self):
        """The same, for the connection that has carried most; the others go on."""
        self.swallowed.add(max(self.pairs, key=self.pairs.get))

    def pass_on(self):
        """New connections work again; what was swallowed stays lost, so the old ones are reset."""
        self._call(self._reset_all())
        self.swallowing = False

    def take_down(self):
        self._call(self._close_listener())
        self._call(self._reset_all())

    def bring_up(self):
        self._call(self._listen(self.port))

    def close(self):
        self._call(self._close_listener())
        self._call(self._reset_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
