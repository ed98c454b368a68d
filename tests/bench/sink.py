"""Takes uploads as fast as they come: one POST with Content-Length a connection, then 204."""

import asyncio
import re
import sys


class Sink(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.transport, self.head, self.left = transport, b"", None
        self.buffer = bytearray(1 << 20)

    def get_buffer(self, _size):
        return self.buffer

    def buffer_updated(self, count):
        if self.left is None:
            self.head += self.buffer[:count]
            if b"\r\n\r\n" not in self.head:
                return
            head, _, body = self.head.partition(b"\r\n\r\n")
            self.left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - len(body)
        else:
            self.left -= count
        if self.left == 0:
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            self.head, self.left = b"", None


async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
