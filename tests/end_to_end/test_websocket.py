"""WebSockets the two ways browsers and libraries open them through a proxy."""

import asyncio
import base64
import os
import struct

from clients import basic, connect, open_connect, receive_head


def frame(text):
    data, mask = text.encode(), os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    size = bytes([128 | len(data)]) if len(data) < 126 else struct.pack(">BH", 128 | 126, len(data))
    return b"\x81" + size + mask + masked


def read_exactly(connection, count, data):
    while len(data) < count:
        piece = connection.recv(65536)
        assert piece, "the socket ended"
        data += piece
    return data[:count], data[count:]


def read_text(connection, data):
    header, data = read_exactly(connection, 2, data)
    length = header[1] & 127
    if length == 126:
        size, data = read_exactly(connection, 2, data)
        (length,) = struct.unpack(">H", size)
    text, data = read_exactly(connection, length, data)
    return text.decode(), data


def check_echo(connection, request):
    connection.sendall(request)
    status, fields, data = receive_head(connection)
    assert status == 101
    fields = {name.lower(): value for name, value in fields}
    # base64(SHA-1("dGhlIHNhbXBsZSBub25jZQ==" + GUID)), the example of RFC 6455 section 1.3
    assert fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert fields["upgrade"].lower() == "websocket"
    for message in ["first", "x" * 5000, "last"]:
        connection.sendall(frame(message))
        echoed, data = read_text(connection, data)
        assert echoed == message


def upgrade_request(target, host, authorization=""):
    return (f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{authorization}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n").encode()


def test_upgrade_in_absolute_form(pool, site):
    authorization = f"Proxy-Authorization: {basic(pool.credential())}\r\n"
    with connect(pool.ingress) as connection:
        check_echo(connection, upgrade_request(f"{site.url}/ws", site.authority, authorization))


def test_upgrade_inside_connect(pool, site):
    connection, status, _, _ = open_connect(pool.ingress, site.authority, pool.credential())
    with connection:
        assert status == 200
        check_echo(connection, upgrade_request("/ws", site.authority))
