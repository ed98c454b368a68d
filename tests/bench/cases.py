"""What is measured of each target. A measure returns figures by name; "value" is the one in the
table's first column. CPU figures are per end: "near" is beside the client, "far" beside the site.
"""

import json
import pathlib
import re
import select
import socket
import statistics
import struct
import subprocess
import time
import urllib.request

import peers
from machine import cpu_seconds, memory
from pool import BIN

LUA = pathlib.Path(__file__).parent / "absolute_form.lua"
MIB, GIB = 2**20, 2**30
PATIENCE = 60  # s; who has not done a case by then has failed it


class Case:
    def __init__(self, name, unit, better, measure, targets=None, rounds=None, needs_wrk=False):
        self.name, self.unit, self.better, self.measure = name, unit, better, measure
        self.targets = targets  # None: all; else which of them, by class
        self.rounds = rounds    # None: as many as the run has
        self.needs_wrk = needs_wrk

    def concerns(self, target):
        return (self.targets is None or type(target) in self.targets) and \
            not (self.needs_wrk and target.wrk("/1k") is None)


class EndsCpu:
    """Processor seconds of each end while the block runs."""

    def __init__(self, target):
        self.ends = {end: pids for end, pids in target.ends().items() if pids and end != "supervisor"}

    def __enter__(self):
        self.before = {end: cpu_seconds(pids) for end, pids in self.ends.items()}
        return self

    def __exit__(self, *_):
        self.spent = {end: cpu_seconds(pids) - self.before[end] for end, pids in self.ends.items()}

    def per(self, amount, name):
        return {f"{name}_{end}": seconds / amount for end, seconds in self.spent.items()}


def transfer(target, path, count, upload=None):
    """Bytes moved and seconds taken by `count` clients at once."""
    command = ["curl", "-sS", "-m", PATIENCE, "-o", "/dev/null", "-w",
               "%{size_download} %{size_upload}"]
    if upload:
        command += ["-X", "POST", "-H", "Expect:", "-T", upload]
    start = time.monotonic()
    clients = [subprocess.Popen([str(word) for word in [*command, *target.curl(path)]],
                                stdout=subprocess.PIPE, text=True) for _ in range(count)]
    sizes = []
    try:
        for client in clients:
            words = client.communicate()[0].split()
            assert client.returncode == 0, f"{target.name}: curl failed on {path} ({client.returncode})"
            sizes.append(int(words[1 if upload else 0]))
        return sizes, time.monotonic() - start
    finally:
        for client in clients:
            client.kill()
            client.wait()


def file_for(target, file):
    """Who needs ten seconds for the whole moves a part of it, for the sake of the run's length."""
    return "eighth" if target.slow and file == "large" else file


def downloads(count, whole):
    def measure(target, _quick):
        file = file_for(target, whole)
        with EndsCpu(target) as cpu:
            sizes, seconds = transfer(target, f"/{file}", count)
        assert sizes == [peers.SIZES[file]] * count, f"{target.name}: {sizes} bytes of /{file}"
        return {"value": sum(sizes) / seconds / MIB, **cpu.per(sum(sizes) / GIB, "cpu_s_per_gib")}
    return measure


def upload(whole):
    def measure(target, _quick):
        file = file_for(target, whole)
        with EndsCpu(target) as cpu:
            sizes, seconds = transfer(target, "/site/sink", 1, target.origin.files / file)
        assert sizes == [peers.SIZES[file]], f"{target.name}: {sizes} bytes of /{file}"
        return {"value": sum(sizes) / seconds / MIB, **cpu.per(sum(sizes) / GIB, "cpu_s_per_gib")}
    return measure


def duration_of(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def wrk(target, connections, seconds, fresh=False):
    url, absolute = target.wrk("/1k")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    command += ["-H", "Connection: close"] if fresh else []
    command += ["-s", LUA, url, "--", absolute] if absolute else [url]
    with EndsCpu(target) as cpu:
        output = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                check=True, timeout=seconds + PATIENCE).stdout
    failed = re.search(r"Non-2xx.*: (\d+)|connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       output)
    assert not failed or not any(int(count) for count in failed.groups() if count), \
        f"{target.name}: {failed.group(0)}"
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    return {"value": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
            **cpu.per(requests / 1e6, "cpu_us_per_request"),
            "p50_us": duration_of(re.search(r"(?m)^\s+50%\s+(\S+)", output).group(1)),
            "p99_us": duration_of(re.search(r"(?m)^\s+99%\s+(\S+)", output).group(1))}


def requests_within(connections):
    """For CONNECT, which wrk does not know; who only passes bytes on needs none."""
    def measure(target, _quick):
        seconds = 1
        command = [BIN / "request_load", *target.address("/1k"), target.host("/1k"), "/1k", connections,
                   seconds]
        command += ["connect"] if isinstance(target, peers.OurConnect) else []
        with EndsCpu(target) as cpu:
            answer = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True,
                                    timeout=seconds + PATIENCE).stdout
        figures = json.loads(answer)
        return {"value": figures["requests"] / figures["seconds"],
                **cpu.per(figures["requests"] / 1e6, "cpu_us_per_request"),
                "p50_us": figures["p50_us"], "p99_us": figures["p99_us"]}
    return measure


def requests(connections, fresh=False):
    def measure(target, quick):
        return wrk(target, connections, 1 if quick else 2, fresh)
    return measure


def beside_download(target, quick):
    """One client's small requests beside a download that nginx holds to 100 MiB/s."""
    download = subprocess.Popen(["curl", "-sS", "-o", "/dev/null", *target.curl("/paced")])
    time.sleep(1.2)  # the pace begins after a second's worth has gone out at once
    try:
        figures = wrk(target, 1, 1 if quick else 2)
        assert download.poll() is None, f"{target.name}: the download ended too soon"
    finally:
        download.terminate()
        download.wait()
    return {**figures, "value": figures["p99_us"]}


def receive_answer(connection):
    """Reads one answer with Content-Length and returns its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        assert piece, "closed in the head"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0] + b" ", head
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return body


def one_client(target, quick):
    """Latency as one client sees it; the only way to compare CONNECT, which wrk cannot."""
    with target.open("/1k") as connection:
        request, times = target.request("/1k"), []
        if isinstance(target, peers.OurConnect):
            request = peers.Direct.request(target, "/1k")
        receive_answer(connection)
        for _ in range(1500 if quick else 4000):
            start = time.perf_counter_ns()
            connection.sendall(request)
            receive_answer(connection)
            times.append((time.perf_counter_ns() - start) / 1e3)
    cuts = statistics.quantiles(times, n=100)
    return {"value": cuts[49], "p50_us": cuts[49], "p99_us": cuts[98]}


def memory_of(target):
    return {end: memory(pids) for end, pids in target.ends().items() if pids}


def idle_memory(target, _quick):
    time.sleep(0.3)
    ends = memory_of(target)
    return {"value": sum(found["pss"] for end, found in ends.items() if end != "supervisor") / MIB,
            **{f"{kind}_mib_{end}": found[kind] / MIB
               for end, found in ends.items() for kind in found}}


def growth(target, before, count, unit):
    """What each end has grown by since, per one of `count`."""
    after = memory_of(target)
    found = {f"private_{end}": (after[end]["private"] - before[end]["private"]) / count / unit
             for end in after if end != "supervisor"}
    return {"value": sum(found.values()), **found}


def held_streams(target, quick):
    """Event streams at rest, each on a connection of its own (CONNECT: tunnels at rest)."""
    count = 200 if quick else 1000
    target.open("/site/hang").close()
    before = memory_of(target)
    connections = []
    try:
        for _ in range(count):
            connections.append(target.open("/site/hang"))
        for connection in connections:
            data = b""
            # The event may come in more chunks than it was sent in.
            while b"\n\r\n" not in data.partition(b"\r\n\r\n")[2]:
                piece = connection.recv(65536)
                assert piece, f"{target.name}: a held stream ended after {data[:200]!r}"
                data += piece
        time.sleep(0.3 if quick else 1)
        return growth(target, before, count, 1024)
    finally:
        for connection in connections:
            # With a RST: a FIN alone may be a client that still listens, and is kept for a while.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def stalled_downloads(target, quick):
    """Readers that read nothing of a large answer; meanwhile another one's small requests."""
    count = 8
    before = memory_of(target)
    connections = []
    try:
        for _ in range(count):
            connections.append(target.open("/large", receive_buffer=65536))
        time.sleep(0.7 if quick else 1.5)
        figures = growth(target, before, count, MIB)
        if target.wrk("/1k"):
            beside = wrk(target, 1, 1)
            figures.update(p50_us=beside["p50_us"], p99_us=beside["p99_us"])
        return figures
    finally:
        for connection in connections:
            connection.close()


def aborted_download(target, quick):
    """From the client's close until the site learns of it, in milliseconds."""
    port = target.origin.ports["site"]

    def ends():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/site/ends") as answer:
            return json.load(answer)

    noticed, quiet = [], []
    for _ in range(3 if quick else 10):
        known = len(ends())
        connection = target.open("/site/endless")
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            connection.recv(1 << 20)
        closed = time.monotonic_ns()
        connection.close()
        deadline = time.monotonic() + 5
        while len(found := ends()) == known:
            assert time.monotonic() < deadline, f"{target.name}: an aborted download goes on"
            select.select([], [], [], 0.005)
        quiet.append(max(0.0, (found[-1][0] - closed) / 1e6))
        noticed.append((found[-1][1] - closed) / 1e6)
    return {"value": statistics.median(noticed), "worst_ms": max(noticed),
            "last_byte_ms": statistics.median(quiet)}


def cases(quick):
    one, each = ("eighth", "small") if quick else ("large", "eighth")
    programs = (peers.OurPool, peers.PoolOfThree, *peers.PEERS)
    ours = (peers.OurPool, peers.PoolOfThree, peers.OurConnect)
    bytes_only = (peers.Direct, peers.OurConnect, peers.NginxStream, peers.Haproxy)
    # Before any load, so that memory freed by it does not hide what these ask for.
    return [
        Case("idle memory, both ends", "MiB", "less", idle_memory, rounds=1, targets=programs),
        Case("held stream, both ends", "KiB", "less", held_streams, rounds=1,
             targets=(peers.OurConnect, *programs)),
        Case("stalled download, both ends", "MiB", "less", stalled_downloads, rounds=1,
             targets=(peers.OurConnect, *programs)),
        Case("aborted download", "ms", "less", aborted_download, rounds=1),
        Case("1 download", "MiB/s", "more", downloads(1, one)),
        Case("8 downloads", "MiB/s", "more", downloads(8, each)),
        Case("1 upload", "MiB/s", "more", upload(one)),
        Case("requests/s, 1 connection", "/s", "more", requests(1), needs_wrk=True),
        Case("requests/s, 50 connections", "/s", "more", requests(50), needs_wrk=True),
        Case("requests/s, 200 connections", "/s", "more", requests(200), needs_wrk=True),
        *(Case(f"requests/s by CONNECT, {count}", "/s", "more", requests_within(count),
               targets=bytes_only) for count in (1, 50, 200)),
        Case("new connection per request", "/s", "more", requests(20, fresh=True), needs_wrk=True),
        Case("beside a 100 MiB/s download, p99", "us", "less", beside_download, needs_wrk=True),
        Case("one client in Python, p50", "us", "less", one_client, targets=(*ours, peers.Direct)),
        Case("memory after load, both ends", "MiB", "less", idle_memory, rounds=1,
             targets=programs),
    ]
