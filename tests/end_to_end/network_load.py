"""Clients on the server host: downloads, uploads, WebSockets and TLS through CONNECT, all verified.

A process of its own, so that it can run in a network namespace. Each client goes on until it reads a line
on its standard input (or for one round with --once); then what is under way is finished and one line of
JSON tells what each kind has done. A request that is refused in words (503) is counted apart from one
that fails, and asked again.
"""

import argparse
import asyncio
import base64
import collections
import hashlib
import itertools
import json
import os
import socket
import ssl
import struct
import sys
import time

from clients import basic
from origin_site import content, content_digest

STEP = 0.1  # seconds between two pieces of a paced body


class Refused(Exception):
    pass


class Load:
    def __init__(self, options):
        self.options = options
        self.stopping = False
        self.done, self.refused = collections.Counter(), collections.Counter()
        self.failures, self.moved = [], collections.Counter()
        self.failed, self.begun = [], {}  # [job, begin, end, text]; job -> begin of its exchange
        self.gaps = []  # [kind, begin, end] of what moved nothing for a second
        self.latencies = []
        self.expected = content_digest(options.size)
        self.body = b"".join(content(options.size))
        self.tls = ssl.create_default_context(cafile=options.ca)
        self.tls.check_hostname = False  # the site's name is an address of the namespace

    # -- one exchange of each kind ----------------------------------------------------------------------

    async def open(self):
        """With small buffers: a body that a client reads slowly is under way in the tunnel, not in them."""
        host, _, port = self.options.ingress.rpartition(":")
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        one.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(one, (host, int(port)))
            return await asyncio.open_connection(sock=one, limit=1 << 14)
        except BaseException:
            one.close()
            raise

    def fields(self, job, target):
        credential = self.options.credential.replace(":", f";job={job}:", 1)
        return f"Host: {target}\r\nProxy-Authorization: {basic(credential)}\r\n"

    async def head(self, reader, expected):
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        if status == 503 and expected != 503:
            raise Refused
        if status != expected:
            raise ConnectionError(f"status {head.decode('latin-1')[:400]!r} "
                                  f"{(await asyncio.wait_for(reader.read(300), 5))!r}")
        return head.lower()

    async def receive(self, kind, reader, size):
        digest, left = hashlib.sha256(), size
        while left:
            start = time.monotonic()
            piece = await reader.read(min(left, max(1, int(self.options.rate * STEP))))
            if not piece:
                raise ConnectionError(f"the body ended {left} bytes early")
            self.note(kind, start, len(piece))
            digest.update(piece)
            left -= len(piece)
            await asyncio.sleep(STEP - min(STEP, time.monotonic() - start))
        return digest.hexdigest()

    async def send(self, kind, writer, body):
        piece = max(1, int(self.options.rate * STEP))
        for offset in range(0, len(body), piece):
            start = time.monotonic()
            writer.write(body[offset:offset + piece])
            await writer.drain()
            self.note(kind, start, len(body[offset:offset + piece]))
            await asyncio.sleep(STEP)

    def note(self, kind, start, count):
        now = time.monotonic()
        self.moved[kind] += count
        if now - start > 1.0:
            self.gaps.append([kind, start, now])

    async def download(self, job):
        reader, writer = await self.open()
        try:
            writer.write(f"GET http://{self.options.site}/bytes/{self.options.size} HTTP/1.1\r\n"
                         f"{self.fields(job, self.options.site)}\r\n".encode())
            await self.head(reader, 200)
            digest = await self.receive("download", reader, self.options.size)
            assert digest == self.expected, "a wrong body"
        finally:
            writer.close()

    async def upload(self, job):
        reader, writer = await self.open()
        try:
            writer.write(f"POST http://{self.options.site}/digest HTTP/1.1\r\n"
                         f"{self.fields(job, self.options.site)}"
                         f"Content-Length: {self.options.size}\r\n\r\n".encode())
            await self.send("upload", writer, self.body)
            head = await self.head(reader, 200)
            length = int(head.split(b"content-length:")[1].split()[0])
            answer = json.loads(await reader.readexactly(length))
            assert answer["sha256"] == self.expected, f"a wrong body: {answer}"
        finally:
            writer.close()

    async def websocket(self, job):
        """Numbered messages, each echoed before the next; one WebSocket for its whole life."""
        over = self.end_of_life()
        reader, writer = await self.open()
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write(f"GET http://{self.options.site}/ws HTTP/1.1\r\n"
                         f"{self.fields(job, self.options.site)}Connection: Upgrade\r\n"
                         f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         f"Sec-WebSocket-Key: {key}\r\n\r\n".encode())
            await self.head(reader, 101)
            number = 0
            while not over():
                number += 1
                text = f"message {number} of {job}".encode()
                start, mask = time.monotonic(), os.urandom(4)
                writer.write(struct.pack(">BB4s", 0x81, 0x80 | len(text), mask) +
                             bytes(byte ^ mask[i % 4] for i, byte in enumerate(text)))
                _, length = await reader.readexactly(2)
                echoed = await reader.readexactly(length)
                assert echoed == text, f"a wrong message: {echoed!r} for {text!r}"
                self.note("websocket", start, len(text))
                await asyncio.sleep(STEP)
        finally:
            writer.close()

    async def connect(self, job):
        """TLS through CONNECT: one connection for its whole life, verified bodies both ways in turn."""
        over = self.end_of_life()
        reader, writer = await self.open()
        try:
            writer.write(f"CONNECT {self.options.secure} HTTP/1.1\r\n"
                         f"{self.fields(job, self.options.secure)}\r\n".encode())
            await self.head(reader, 200)
            await writer.start_tls(self.tls)
            while not over():
                writer.write(f"GET /bytes/{self.options.size} HTTP/1.1\r\n"
                             f"Host: {self.options.secure}\r\n\r\n".encode())
                await self.head(reader, 200)
                digest = await self.receive("connect", reader, self.options.size)
                assert digest == self.expected, "a wrong body"
                part = self.body[:self.options.size // 4]
                writer.write(f"POST /digest HTTP/1.1\r\nHost: {self.options.secure}\r\n"
                             f"Content-Length: {len(part)}\r\n\r\n".encode())
                await self.send("connect", writer, part)
                head = await self.head(reader, 200)
                length = int(head.split(b"content-length:")[1].split()[0])
                answer = json.loads(await reader.readexactly(length))
                assert answer["sha256"] == hashlib.sha256(part).hexdigest(), f"a wrong body: {answer}"
                self.done["connect"] += 1
        finally:
            writer.close()

    async def small(self, job):
        """GETs on a connection that is kept: a hundred, or as long as a job lives; latencies are listed."""
        over = self.end_of_life()
        reader, writer = await self.open()
        try:
            for _ in itertools.count() if self.options.lifetime else range(100):
                if over():
                    break
                start = self.begun[job] = time.monotonic()
                writer.write(f"GET http://{self.options.site}/bytes/1024 HTTP/1.1\r\n"
                             f"{self.fields(job, self.options.site)}\r\n".encode())
                await self.head(reader, 200)
                assert await reader.readexactly(1024) == self.body[:1024], "a wrong body"
                self.latencies.append(time.monotonic() - start)
                self.done["small"] += 1
                self.note("small", start, 1024)
                await asyncio.sleep(self.options.pause)
        finally:
            writer.close()

    # -- all of them ------------------------------------------------------------------------------------

    def end_of_life(self):
        """Tells when a client that keeps its connection ends it: with --lifetime as one job of many does."""
        begin = time.monotonic()
        return lambda: self.stopping or (self.options.lifetime and
                                         time.monotonic() - begin > self.options.lifetime)

    async def client(self, kind, number):
        for turn in itertools.count():  # each a job of its own
            if self.stopping:
                return
            job = f"{kind}-{number}-{turn}"
            start = self.begun[job] = time.monotonic()
            try:
                await getattr(self, kind)(job)
                self.done[kind] += kind not in ("connect", "small")
            except Refused:
                self.refused[kind] += 1
                self.failed.append([job, self.begun[job], time.monotonic(), "refused: 503"])
                await asyncio.sleep(0.5)
            except (OSError, AssertionError, ssl.SSLError, asyncio.IncompleteReadError) as error:
                now = time.monotonic()
                self.failures.append(f"{kind} {number} after {now - start:.1f} s at {now:.1f}: {error!r}")
                self.failed.append([job, self.begun[job], now, repr(error)])
            if self.options.once:
                return

    async def run(self):
        tasks = [asyncio.create_task(self.client(kind, number))
                 for kind in ("download", "upload", "websocket", "connect", "small")
                 for number in range(getattr(self.options, kind))]
        print("started", flush=True)
        if not self.options.once:
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            self.stopping = True
        await asyncio.gather(*tasks)
        print(json.dumps({"done": self.done, "refused": self.refused, "failures": self.failures,
                          "failed": self.failed,
                          "moved": self.moved, "gaps": self.gaps, "latencies": self.latencies}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    for kind in ("download", "upload", "websocket", "connect", "small"):
        parser.add_argument(f"--{kind}", type=int, default=0, help="clients of this kind")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--size", type=int, default=1 << 20, help="of a body")
    parser.add_argument("--rate", type=float, default=128 * 1024, help="bytes a second and client")
    parser.add_argument("--lifetime", type=float, default=0, help="seconds of a job; 0: the whole time")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between small requests")
    for word in ("ingress", "credential", "site", "secure", "ca"):
        parser.add_argument(f"--{word}", required=True)
    asyncio.run(Load(parser.parse_args()).run())


if __name__ == "__main__":
    main()
