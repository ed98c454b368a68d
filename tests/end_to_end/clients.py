"""Clients of the ingress: one exchange at a time on a plain socket, and a crowd of them."""

import asyncio
import base64
import http.client
import socket
import time


def basic(credential):
    return "Basic " + base64.b64encode(credential.encode()).decode()


def connect(address, timeout=60, receive_buffer=None):
    """`receive_buffer` in bytes: a small one lets a client who reads slowly be felt at the other end."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    connection.connect(address)
    return connection


def receive_head(connection):
    """Reads up to the end of a head and returns (status, fields, bytes behind it)."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"the connection ended in the head, after {data!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
    return int(lines[0].split()[1]), fields, rest


def receive_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def exchange_raw(address, data):
    """Sends bytes as they are; returns all that comes back until the proxy closes."""
    with connect(address) as connection:
        connection.sendall(data)
        return receive_all(connection)


def get(address, url, credential=None, fields=(), method="GET", body=None):
    """One request through the proxy by the standard library: (status, fields, body)."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    headers = dict(fields)
    if credential:
        headers["Proxy-Authorization"] = basic(credential)
    connection.request(method, url, body=body, headers=headers)
    answer = connection.getresponse()
    result = answer.status, answer.getheaders(), answer.read()
    connection.close()
    return result


def open_connect(address, target, credential=None):
    """A CONNECT tunnel: (socket, status, fields, first bytes)."""
    connection = connect(address)
    authorization = f"Proxy-Authorization: {basic(credential)}\r\n" if credential else ""
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n".encode())
    return connection, *receive_head(connection)


class Crowd:
    """Many keep-alive clients, each a job of its own, asking for verified bodies until stopped."""

    def __init__(self, address, url, expected_body, credential_of):
        self.address, self.url, self.expected = address, url, expected_body
        self.credential_of = credential_of
        self.done, self.failures, self.latencies = 0, [], []
        self.stopping = False

    async def _client(self, number):
        authorization = ""
        if self.credential_of:
            authorization = f"Proxy-Authorization: {basic(self.credential_of(number))}\r\n"
        host = self.url.split("/")[2]
        request = f"GET {self.url} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n".encode()
        reader = writer = None
        while not self.stopping:
            start = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(*self.address, limit=1 << 20)
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(self._length(head))
                if not head.startswith(b"HTTP/1.1 200 ") or body != self.expected:
                    self.failures.append(f"client {number}: {head.decode('latin-1')}{body[:300]!r}")
                else:
                    self.done += 1
                    self.latencies.append(time.monotonic() - start)
                if b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(f"client {number}: {error!r}")
                writer = None
        if writer is not None:
            writer.close()

    @staticmethod
    def _length(head):
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line.split(b":")[1])
        return 0

    async def run(self, clients, seconds, midway=None):
        """`midway(self)` is awaited while the crowd is at work."""
        tasks = [asyncio.create_task(self._client(number)) for number in range(clients)]
        start = time.monotonic()
        if midway:
            await midway(self)
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - start)))
        self.stopping = True
        await asyncio.gather(*tasks)

    def rate(self, seconds):
        return self.done / seconds
