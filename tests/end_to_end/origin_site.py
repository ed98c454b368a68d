"""The site under test: an HTTP/1.1 server with every behaviour the tunnel must carry.

Runs as a process of its own, over TCP and TLS, and prints its ports as one JSON line. Written on raw
streams, because most of what it does (half-closed connections, trailers, truncated bodies) no library
offers.
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import json
import random
import ssl
import struct
from urllib.parse import parse_qs, urlsplit

BLOCK = 1 << 20
_RANDOM_BLOCK = random.Random(1).randbytes(BLOCK)
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GZIPPED = gzip.compress(b"the same line again\n" * 1000, mtime=0)

PAGE = """<!doctype html><meta charset="utf-8"><title>loading</title>
<style>body{{font:16px sans-serif;margin:2em}}#grid{{display:flex;flex-wrap:wrap;width:420px}}
#grid i{{width:16px;height:16px;margin:2px;background:#2a7}}</style>
<h1>{name}</h1><div id="grid"></div><p id="assets"></p><p id="socket"></p>
<script>
let count = 0, wrong = 0, grid = document.getElementById("grid");
function loaded(n, square) {{
  count++;
  if (square !== n * n) wrong++;
  grid.appendChild(document.createElement("i"));
}}
</script>
{scripts}
<script>
document.getElementById("assets").textContent = count + " assets, " + wrong + " wrong";
const socket = new WebSocket(`ws://${{location.host}}/ws`);
let echoed = 0;
socket.onopen = () => {{ for (let i = 0; i < 50; i++) socket.send("message " + i); }};
socket.onmessage = (event) => {{
  if (event.data === "message " + echoed) echoed++;
  document.getElementById("socket").textContent = echoed + " messages echoed in order";
  if (echoed === 50) document.title = "done " + count + "/" + wrong + "/" + echoed;
}};
socket.onerror = () => {{ document.title = "socket failed"; }};
</script>"""


def content(length):
    """The bytes of /bytes/LENGTH in pieces; each MiB begins with its number, so that no reordering
    or repetition goes unnoticed."""
    for start in range(0, length, BLOCK):
        block = struct.pack(">Q", start // BLOCK) + _RANDOM_BLOCK[8:]
        yield block[: length - start]


def content_digest(length):
    digest = hashlib.sha256()
    for block in content(length):
        digest.update(block)
    return digest.hexdigest()


class Request:
    def __init__(self, method, target, fields, reader):
        self.method, self.fields, self.reader = method, fields, reader
        parts = urlsplit(target)
        self.path = parts.path
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.trailers = []

    def field(self, name, default=""):
        return next((value for key, value in self.fields if key.lower() == name.lower()), default)

    async def body(self):
        """Yields the body's pieces."""
        if "chunked" in self.field("transfer-encoding"):
            while size := int((await self.reader.readline()).split(b";")[0], 16):
                async for piece in self._exactly(size):
                    yield piece
                await self.reader.readexactly(2)
            while (line := await self.reader.readline()).strip():
                name, _, value = line.decode().partition(":")
                self.trailers.append((name.strip(), value.strip()))
            return
        async for piece in self._exactly(int(self.field("content-length", "0"))):
            yield piece

    async def _exactly(self, left):
        while left:
            piece = await self.reader.read(min(left, 1 << 18))
            if not piece:
                raise ConnectionError("the body ended early")
            left -= len(piece)
            yield piece


def head(status, fields):
    lines = [f"HTTP/1.1 {status} Status"] + [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def plain(writer, body, fields=(), status=200, method="GET"):
    if isinstance(body, str):
        body = body.encode()
    writer.write(head(status, [("Content-Length", len(body)), *fields]))
    if method != "HEAD":
        writer.write(body)


class Site:
    def __init__(self):
        self.gates = {}  # name -> semaphore: lets a test release one event at a time

    def gate(self, name):
        return self.gates.setdefault(name, asyncio.Semaphore(0))

    async def serve(self, reader, writer):
        try:
            while await self.serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve_one(self, reader, writer):
        start = await reader.readline()
        if not start.strip():
            return False
        method, target, _ = start.decode("latin-1").split(" ", 2)
        fields = []
        while (line := await reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name, value.strip()))
        request = Request(method, target, fields, reader)
        route = request.path.strip("/").split("/")[0].replace("-", "_") or "index"
        answer = getattr(self, f"on_{route}", None)
        if answer is None:
            plain(writer, "no such page\n", status=404)
            return True
        keep = await answer(request, writer)
        await writer.drain()
        return keep is not False

    async def on_index(self, request, writer):
        plain(writer, "the site is here\n", [("Content-Type", "text/plain")], method=request.method)

    async def on_bytes(self, request, writer):
        length = int(request.path.split("/")[2])
        writer.write(head(200, [("Content-Length", length),
                                ("Content-Type", "application/octet-stream")]))
        if request.method == "HEAD":
            return
        for block in content(length):
            writer.write(block)
            await writer.drain()

    async def on_paced(self, request, writer):
        """A numbered line of 16 bytes every 100 ms, for SECONDS."""
        ticks = int(float(request.query["seconds"]) * 10)
        writer.write(head(200, [("Content-Length", ticks * 16)]))
        for tick in range(ticks):
            writer.write(b"%015d\n" % tick)
            await writer.drain()
            await asyncio.sleep(0.1)

    async def on_digest(self, request, writer):
        digest, length = hashlib.sha256(), 0
        async for piece in request.body():
            digest.update(piece)
            length += len(piece)
        plain(writer, json.dumps({
            "sha256": digest.hexdigest(), "length": length, "trailers": request.trailers,
            "chunked": "chunked" in request.field("transfer-encoding")}))

    async def on_chunked(self, request, writer):
        writer.write(head(200, [("Transfer-Encoding", "chunked")]))
        for number in range(int(request.query.get("count", 10))):
            writer.write(chunk(f"piece {number}\n".encode()))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def on_trailers(self, request, writer):
        writer.write(head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Digest")]))
        writer.write(b"5\r\nhello\r\n0\r\nX-Digest: abc\r\nContent-Length: 9\r\n\r\n")

    async def on_sse(self, request, writer):
        """Sends an event each time the test opens the gate; ends after COUNT of them."""
        writer.write(head(200, [("Content-Type", "text/event-stream"),
                                ("Transfer-Encoding", "chunked")]))
        await writer.drain()
        gate = self.gate(request.query["gate"])
        for number in range(int(request.query["count"])):
            await gate.acquire()
            writer.write(chunk(f"data: event {number}\n\n".encode()))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def on_silent(self, request, writer):
        """One event, then nothing more until the connection ends, which opens the gate."""
        writer.write(head(200, [("Content-Type", "text/event-stream"),
                                ("Transfer-Encoding", "chunked")]))
        writer.write(chunk(b"data: the only one\n\n"))
        await writer.drain()
        try:
            await request.reader.read(1)
        finally:
            self.gate(request.query["gate"]).release()
        return False

    async def on_await(self, request, writer):
        """Answers when the gate has been opened."""
        await self.gate(request.query["gate"]).acquire()
        plain(writer, "it is open\n")

    async def on_open(self, request, writer):
        self.gate(request.query["gate"]).release()
        plain(writer, "opened\n")

    async def on_continue(self, request, writer):
        """Waits for the gate before it sends 100; says how much of the body had come by then."""
        await self.gate(request.query["gate"]).acquire()
        early = len(request.reader._buffer)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        length = 0
        async for piece in request.body():
            length += len(piece)
        plain(writer, json.dumps({"early": early, "length": length,
                                  "expect": request.field("expect")}))

    async def on_refuse(self, request, writer):
        plain(writer, "no\n", [("Connection", "close")], status=417)
        return False

    async def on_hints(self, request, writer):
        writer.write(head(103, [("Link", "</style.css>; rel=preload")]))
        plain(writer, "after hints\n")

    async def on_status(self, request, writer):
        status = int(request.path.split("/")[2])
        fields = [("X-Kept", "yes"), ("ETag", '"1"')]
        if status == 304:
            fields.append(("Content-Length", "1234"))  # of the representation it stands for
        elif status != 204:
            fields.append(("Content-Length", "0"))
        writer.write(head(status, fields))

    async def on_gzip(self, request, writer):
        plain(writer, GZIPPED, [("Content-Encoding", "gzip")])

    async def on_fields(self, request, writer):
        plain(writer, json.dumps({"method": request.method, "fields": request.fields}),
              [("Content-Type", "application/json"), ("Set-Cookie", "a=1"),
               ("Set-Cookie", "b=2; Path=/")])

    async def on_until_close(self, request, writer):
        writer.write(head(200, [("Connection", "close")]))
        writer.write(b"until the end")
        return False

    async def on_cut(self, request, writer):
        """Promises more than it sends."""
        writer.write(head(200, [("Content-Length", "1000000")]))
        writer.write(b"x" * 1000)
        await writer.drain()
        return False

    async def on_bad_head(self, request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde")
        return False

    async def on_asset(self, request, writer):
        number = int(request.path.split("/")[2])
        script = f"loaded({number}, {number * number});\n" + "// filler\n" * (number * 7)
        plain(writer, script, [("Content-Type", "text/javascript"), ("Cache-Control", "no-store")])

    async def on_page(self, request, writer):
        scripts = "".join(f'<script src="/asset/{number}"></script>' for number in range(100))
        page = PAGE.format(name=request.query.get("name", "page"), scripts=scripts)
        plain(writer, page, [("Content-Type", "text/html")])

    async def on_ws(self, request, writer):
        """Echoes WebSocket messages (RFC 6455)."""
        key = request.field("sec-websocket-key") + WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                ("Sec-WebSocket-Accept", accept)]))
        opcode = 0
        while opcode != 8:
            await writer.drain()
            first, second = await request.reader.readexactly(2)
            length = second & 127
            if length == 126:
                (length,) = struct.unpack(">H", await request.reader.readexactly(2))
            mask = await request.reader.readexactly(4)
            data = await request.reader.readexactly(length)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            opcode = first & 15
            size = bytes([length]) if length < 126 else struct.pack(">BH", 126, length)
            writer.write(bytes([128 | (10 if opcode == 9 else opcode)]) + size + data)
        return False


async def answer_after_end(reader, writer):
    """For CONNECT: answers only when its peer has ended its side, which a proxy must pass on alone."""
    digest, length = hashlib.sha256(), 0
    while piece := await reader.read(1 << 16):
        digest.update(piece)
        length += len(piece)
    writer.write(json.dumps({"length": length, "sha256": digest.hexdigest()}).encode())
    await writer.drain()
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    site = Site()
    servers = {
        "http": await asyncio.start_server(site.serve, arguments.address, 0, limit=1 << 20, backlog=1024),
        "echo": await asyncio.start_server(answer_after_end, arguments.address, 0)}
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        servers["https"] = await asyncio.start_server(
            site.serve, arguments.address, 0, ssl=context, limit=1 << 20)
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
