"""Many clients at once, and slow ones beside fast ones."""

import asyncio
import hashlib
import threading
import time

from clients import Crowd, basic, connect, receive_head
from origin_site import content, content_digest
from pool import SANITIZED, peak_memory, proportional_memory

CLIENTS = 40 if SANITIZED else 200
SECONDS = 30
BODY = b"".join(content(1024))


def jobs_per_member(pool):
    return [worker["jobs"] for worker in pool.workers()]


def test_a_crowd_loses_nothing_and_is_spread_evenly(pool, site):
    before = jobs_per_member(pool)
    spread = []

    async def look(crowd):
        while crowd.done < CLIENTS * 5 or sum(jobs_per_member(pool)) < sum(before) + CLIENTS:
            await asyncio.sleep(0.2)
        spread.extend(jobs_per_member(pool))

    credentials = [pool.credential(job=f"crowd-{number}") for number in range(CLIENTS)]
    crowd = Crowd(pool.ingress, f"{site.url}/bytes/1024", BODY, credentials.__getitem__)
    start = time.monotonic()
    asyncio.run(crowd.run(CLIENTS, SECONDS, midway=look))
    seconds = time.monotonic() - start
    print(f"{crowd.done} requests, {crowd.rate(seconds):.0f}/s, jobs {before} -> {spread}")
    for pid in pool.pids():
        print(f"pid {pid}: peak {peak_memory(pid) / 2**20:.1f} MiB, "
              f"PSS {proportional_memory(pid) / 2**20:.1f} MiB")
    assert crowd.failures == []
    assert crowd.done > CLIENTS * 5
    new = [now - then for now, then in zip(spread, before)]
    assert sum(new) == CLIENTS
    assert max(spread) - min(spread) <= 1


def read_slowly(connection, stop, rate=1024):
    """Takes `rate` bytes a second, so that everything on the way fills up."""
    while not stop.is_set():
        if not connection.recv(rate):
            return
        stop.wait(1.0)


def test_a_slow_reader_does_not_slow_its_neighbour(tmp_path, own_pool, site):
    """One worker with one connection, so that both downloads share it."""
    own_pool.config.write_text('[pool]\nsize = 1\n[worker]\narguments = ["--tunnel-connections=1"]\n')
    own_pool.start()
    size = 200 << 20

    def fast_download():
        start = time.monotonic()
        digest = hashlib.sha256()
        with connect(own_pool.ingress) as connection:
            connection.sendall((f"GET {site.url}/bytes/{size} HTTP/1.1\r\nHost: {site.authority}\r\n"
                                f"Proxy-Authorization: {basic(own_pool.credential())}\r\n\r\n").encode())
            _, _, data = receive_head(connection)
            left = size - len(data)
            digest.update(data)
            while left:
                data = connection.recv(1 << 20)
                assert data, "the answer was cut"
                digest.update(data)
                left -= len(data)
        assert digest.hexdigest() == content_digest(size)
        return size / (time.monotonic() - start)

    alone = sorted(fast_download() for _ in range(3))[1]
    stop, slow = threading.Event(), []
    for _ in range(4):
        connection = connect(own_pool.ingress)
        connection.sendall((f"GET {site.url}/bytes/{1 << 30} HTTP/1.1\r\nHost: {site.authority}\r\n"
                            f"Proxy-Authorization: {basic(own_pool.credential())}\r\n\r\n").encode())
        assert receive_head(connection)[0] == 200
        thread = threading.Thread(target=read_slowly, args=(connection, stop))
        thread.start()
        slow.append((connection, thread))
    try:
        beside = sorted(fast_download() for _ in range(3))[1]
        still_reading = sum(thread.is_alive() for _, thread in slow)
    finally:
        stop.set()
        for connection, thread in slow:
            thread.join()
            connection.close()
    print(f"alone {alone / 2**20:.0f} MiB/s, beside four slow readers {beside / 2**20:.0f} MiB/s")
    # Whole digests beside readers that were still at it: a neighbour that waited for them would have
    # waited for twelve days. The rates are shown, not judged.
    assert still_reading == 4
