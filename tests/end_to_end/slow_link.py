"""A long link between two network namespaces: what enters one TUN device leaves the other, later.

    slow_link.py SPACE DEVICE SPACE DEVICE [--delay MS] [--loss PERCENT] [--rate MBIT] [--queue MS]

Each direction has the delay, loses packets at random (from a seed, so that runs are alike) and carries
`rate`; what would wait longer than `queue` is dropped. Prints "ready" and runs until it is killed.
"""

import argparse
import collections
import ctypes
import fcntl
import os
import random
import selectors
import struct
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def open_device(space, name):
    with open(f"/run/netns/{space}", "rb") as target:
        if LIBC.setns(target.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {space}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Direction:
    def __init__(self, source, sink, rule):
        self.source, self.sink, self.rule = source, sink, rule
        self.on_the_way = collections.deque()  # (due, packet)
        self.random = random.Random(source)
        self.line_free_at = 0.0

    def take_in(self, now):
        for _ in range(64):
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            if self.random.random() * 100 < self.rule.loss:
                continue
            start = max(now, self.line_free_at)
            if start - now > self.rule.queue / 1000:
                continue
            self.line_free_at = start + len(packet) * 8 / (self.rule.rate * 1e6)
            self.on_the_way.append((self.line_free_at + self.rule.delay / 1000, packet))

    def let_out(self, now):
        """Delivers what is due; gives the time of the next."""
        while self.on_the_way and self.on_the_way[0][0] <= now:
            try:
                os.write(self.sink, self.on_the_way.popleft()[1])
            except OSError:
                pass  # the device is down: packets are lost there
        return self.on_the_way[0][0] if self.on_the_way else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ends", nargs=4)
    parser.add_argument("--delay", type=float, default=0, help="ms, each way")
    parser.add_argument("--loss", type=float, default=0, help="percent, each way")
    parser.add_argument("--rate", type=float, default=1000, help="Mbit/s")
    parser.add_argument("--queue", type=float, default=100, help="ms of waiting for the line")
    rule = parser.parse_args()
    first, second = open_device(*rule.ends[:2]), open_device(*rule.ends[2:])
    directions = Direction(first, second, rule), Direction(second, first, rule)
    print("ready", flush=True)
    selector = selectors.DefaultSelector()
    for direction in directions:
        selector.register(direction.source, selectors.EVENT_READ, direction)
    while True:
        now = time.monotonic()
        due = [at for at in (direction.let_out(now) for direction in directions) if at is not None]
        ready = selector.select(max(0.0, min(due) - time.monotonic()) if due else None)
        now = time.monotonic()
        for key, _ in ready:
            key.data.take_in(now)


if __name__ == "__main__":
    main()
