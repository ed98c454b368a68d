"""The site for what nginx is not made for: uploads taken as fast as they come, answers that never
end, and the moment at which an endless answer could not be sent any more.

  POST /site/sink      reads the body, then 204
  GET  /site/hang      a head, one piece of the body, and then nothing: an event stream at rest
  GET  /site/endless   as much as the connection takes until it breaks
  GET  /site/ends      when the endless answers so far broke: [[last byte taken, noticed], ...] in
                       nanoseconds of the monotonic clock
  anything else        stays silent: the far end of a CONNECT that is held
"""

import json
import re
import socket
import sys
import threading
import time

held, ends = [], []


def answer(connection, head, rest):
    """"next" request, "hold" the connection, or "close" it."""
    if b" /site/sink" in head:
        buffer = memoryview(bytearray(1 << 20))
        left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - len(rest)
        while left > 0:
            count = connection.recv_into(buffer, min(left, len(buffer)))
            if count == 0:
                return "close"
            left -= count
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        return "next"
    if b" /site/hang" in head:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n")
        held.append(connection)
        return "hold"
    if b" /site/endless" in head:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n")
        block, taken = b"x" * 65536, 0
        try:
            while connection.send(block) > 0:
                taken = time.monotonic_ns()
        except OSError:
            ends.append((taken, time.monotonic_ns()))
        return "close"
    body = json.dumps(ends).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return "next"


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data, then = b"", "next"
    try:
        while then == "next":
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, _, rest = data.partition(b"\r\n\r\n")
            then, data = answer(connection, head, rest), b""
    except OSError:
        pass
    finally:
        if then != "hold":
            connection.close()


def main():
    threading.stack_size(256 * 1024)
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    listener = socket.create_server((address, int(sys.argv[1])), backlog=4096)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
