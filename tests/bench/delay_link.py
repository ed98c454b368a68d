"""Joins two network namespaces by a link with a delay, where the kernel has no netem: a TUN device in
each, and this process carrying packets from one to the other some milliseconds later.

  delay_link.py NEAR FAR MILLISECONDS_EACH_WAY

The namespaces exist; their devices get 10.99.0.1 and 10.99.0.2. Says "ready", ends at SIGTERM.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
MTU = 9000  # fewer packets: what is measured is the way, not this process


def open_tun(namespace, address):
    with open(f"/run/netns/{namespace}") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"bench", IFF_TUN | IFF_NO_PI))
    for words in (["link", "set", "lo", "up"], ["addr", "add", f"{address}/30", "dev", "bench"],
                  ["link", "set", "bench", "mtu", str(MTU), "txqueuelen", "10000", "up"]):
        subprocess.run(["ip", *words], check=True)
    return device


def main():
    near, far, delay = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1e3
    devices = [open_tun(near, "10.99.0.1"), open_tun(far, "10.99.0.2")]
    other = dict(zip(devices, reversed(devices)))
    waiting = {device: collections.deque() for device in devices}  # by where they go
    print("ready", flush=True)
    while True:
        due = min((queue[0][0] for queue in waiting.values() if queue), default=None)
        timeout = None if due is None else max(0.0, due - time.monotonic())
        for device in select.select(devices, [], [], timeout)[0]:
            try:
                for _ in range(64):
                    packet = os.read(device, 65536)
                    waiting[other[device]].append((time.monotonic() + delay, packet))
            except BlockingIOError:
                pass
        now = time.monotonic()
        for device, queue in waiting.items():
            while queue and queue[0][0] <= now:
                os.write(device, queue.popleft()[1])


main()
