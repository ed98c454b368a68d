"""The supervisor's program is exchanged in place: nobody notices, and what is unusable is not taken."""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import threading
import urllib.request

import pytest

from clients import Crowd
from origin_site import content
from pool import BIN, PATIENCE, SANITIZED, wait_for
from stub_pool import STUB, at_full_strength

BODY = b"".join(content(1024))
CLIENTS = 20 if SANITIZED else 60


def identities(pool):
    return [(worker["slot"], worker["pid"], worker["generation"]) for worker in pool.workers()]


def script(directory, text):
    """A program that answers the check as the real one does, and then does what `text` says."""
    path = directory / "other-program"
    path.write_text(f'#!/bin/sh\n[ "$1" = upgrade-check ] && exec {BIN}/sc-pool "$@"\n{text}\n')
    path.chmod(0o755)
    return path


def the_event(pool, name):
    events = [json.loads(line) for line in pool.verb("events", "--json").stdout.splitlines()]
    assert [event["cursor"] for event in events] == list(range(events[0]["cursor"], events[-1]["cursor"] + 1))
    return [event for event in events if event["event"] == name]


def check_still_supervised(pool):
    """An end is seen, and how; a new worker comes; the pool goes down and leaves nothing."""
    victim = pool.workers()[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in pool.pids() and at_full_strength(pool), "the slot is back")
    assert pool.verb("down").returncode == 0
    pool.check_nothing_left()


class Visitors:
    """Ask TCP API and control socket without a pause, each time on a new connection."""

    def __init__(self, pool):
        status = pool.status()
        self.url, self.socket = status["api_url"] + "/readiness", status["supervisor"]["socket"]
        self.answers, self.failures, self.stopping = 0, [], False
        self.threads = [threading.Thread(target=self.ask, args=(one,)) for one in (self.by_tcp, self.by_socket)]

    def by_tcp(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url, timeout=PATIENCE) as answer:
            assert answer.status == 200

    def by_socket(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.socket)
            client.sendall(b"GET /v1/status HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(65536):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200"), answer

    def ask(self, one):
        while not self.stopping:
            try:
                one()
                self.answers += 1
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def test_no_client_notices(own_pool, site):
    own_pool.start()
    before, supervisor = identities(own_pool), own_pool.status()["supervisor"]
    credentials = [own_pool.credential(job=f"crowd-{number}") for number in range(CLIENTS)]
    crowd = Crowd(own_pool.ingress, f"{site.url}/bytes/1024", BODY, credentials.__getitem__)
    said = []

    async def upgrade(crowd):
        for _ in range(3):
            wanted = crowd.done + 2 * CLIENTS
            while crowd.done < wanted:
                await asyncio.sleep(0.02)
            said.append(await asyncio.to_thread(own_pool.verb, "upgrade"))
    with Visitors(own_pool) as visitors:
        asyncio.run(crowd.run(CLIENTS, 2, midway=upgrade))
        wait_for(lambda: visitors.answers > 10, "visitors are answered")
    assert [answer.returncode for answer in said] == [0, 0, 0], said
    print(said[-1].stdout, f"{crowd.done} requests, {visitors.answers} visits")
    assert "3 workers kept" in said[-1].stdout
    assert crowd.failures == []
    assert visitors.failures == []
    assert identities(own_pool) == before
    after = own_pool.status()["supervisor"]
    assert (after["pid"], after["started_at"]) == (own_pool.process.pid, supervisor["started_at"])
    assert own_pool.rest("GET", f"/{own_pool.local['user']}/tunnels")[0] == 200
    assert own_pool.stop() == 0
    wait_for(lambda: own_pool.pids() == [], "every process of the pool has ended")
    assert own_pool.left_over_files() == []


def test_what_was_known_is_still_known(stub_pool, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    shutil.copy(BIN / "sc-pool", programs / "sc-pool")
    pool = stub_pool(size=3, program=programs / "sc-pool").start()
    before, first = identities(pool), the_event(pool, "start-worker")
    (programs / "sc-pool").unlink()
    shutil.copy(BIN / "sc-pool", programs / "sc-pool")
    answer = pool.verb("upgrade")
    assert answer.returncode == 0, answer
    assert identities(pool) == before
    assert pool.status()["supervisor"]["pid"] == pool.process.pid
    assert os.readlink(f"/proc/{pool.process.pid}/exe") == str(programs / "sc-pool")
    assert the_event(pool, "start-worker") == first
    assert len(the_event(pool, "upgraded")) == 1
    assert pool.verb("reload").stdout.strip() == "applied in place"
    victim = pool.workers()[0]["pid"]
    os.kill(victim, signal.SIGSEGV)
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != victim, "the slot is back")
    ends = [event for event in the_event(pool, "worker-exited") if event["slot"] == 0]
    assert [end["cause"] for end in ends] == ["crash"]
    check_still_supervised(pool)


@pytest.mark.parametrize("unusable, why", [
    ("text", "Exec format error"), ("/bin/false", "exited with 1"), ("/nonexistent", "No such file"),
    ("kill -SEGV $$", "killed by SIGSEGV"), ("exec sleep 1000", "no answer within"),
    ('echo "{}"', "not an sc-pool that can take over")])
def test_a_program_that_fails_the_check_is_not_taken(stub_pool, tmp_path, unusable, why):
    path = pathlib.Path(unusable)
    if not path.is_absolute():
        path = tmp_path / "unusable"
        path.write_text("hello\n" if unusable == "text" else f"#!/bin/sh\n{unusable}\n")
        path.chmod(0o755)
    pool = stub_pool(size=1).start()
    before = identities(pool)
    answer = pool.verb("upgrade", "--program", str(path), "--confirm-within", "1s")
    assert answer.returncode == 1
    assert "goes on" in answer.stderr and why in answer.stderr
    assert identities(pool) == before
    assert len(the_event(pool, "upgrade-refused")) == 1
    check_still_supervised(pool)


def test_a_configuration_that_was_not_reloaded_is_not_taken_by_the_way(stub_pool):
    pool = stub_pool(size=1).start()
    pool.config.write_text(pool.config.read_text().replace("size = 1", "size = 2"))
    answer = pool.verb("upgrade")
    assert answer.returncode == 1
    assert "sc-pool reload" in answer.stderr
    assert pool.verb("reload").returncode == 0
    wait_for(lambda: len(at_full_strength(pool) or []) == 2, "the new size is there")
    assert pool.verb("upgrade").returncode == 0
    check_still_supervised(pool)


@pytest.mark.parametrize("end, why", [
    ("kill -SEGV $$", "ended before it had confirmed"), ("exec sleep 1000", "did not confirm in time"),
    ("exit 0", "ended before it had confirmed")])
def test_a_program_that_fails_after_the_exchange_is_followed_by_the_old_one(stub_pool, tmp_path, end, why):
    pool = stub_pool(size=2).start()
    before = identities(pool)
    answer = pool.verb("upgrade", "--program", str(script(tmp_path, end)), "--confirm-within", "2s")
    assert answer.returncode == 1
    assert "back to" in answer.stderr and why in answer.stderr
    assert identities(pool) == before
    assert len(the_event(pool, "upgrade-fell-back")) == 1
    pool.process.wait(PATIENCE)
    assert pool.status()["supervisor"]["pid"] != pool.process.pid
    check_still_supervised(pool)


@pytest.mark.parametrize("way, why", [
    ("give-back", "it is not willing"), ("crash", "it crashed (SIGSEGV)"), ("hang", "it did not confirm in time")])
def test_an_sc_pool_that_fails_after_the_exchange_is_followed_in_the_same_process(stub_pool, tmp_path, way, why):
    """The way back that is part of the new program itself, so that a service manager sees no end."""
    pool = stub_pool(size=2).start()
    before = identities(pool)
    doomed = script(tmp_path, f'EXCHANGE_PROBE_WAY={way} exec {BIN}/exchange_probe "$@"')
    answer = pool.verb("upgrade", "--program", str(doomed), "--confirm-within", "2s")
    assert answer.returncode == 1
    assert "back to" in answer.stderr and why in answer.stderr
    assert identities(pool) == before
    assert pool.status()["supervisor"]["pid"] == pool.process.pid
    assert pool.verb("upgrade").returncode == 0
    check_still_supervised(pool)


def test_what_happens_while_nobody_watches_is_not_lost(stub_pool, tmp_path):
    """A worker dies and the pool is told to stop while the new program is on its way."""
    pool = stub_pool(size=2).start()
    victim, ready, gate = pool.workers()[1], tmp_path / "between", tmp_path / "gate"
    os.mkfifo(gate)
    # The shell must not wait for a child of its own: it would take the worker's end, too.
    slow = script(tmp_path, f': > {ready}; read go < {gate}; exec {BIN}/sc-pool "$@"')

    def go_on():
        ready.unlink()
        gate.write_text("go\n")
    upgrade = threading.Thread(target=pool.verb, args=("upgrade", "--program", str(slow)))
    upgrade.start()
    wait_for(ready.exists, "nobody watches")
    os.kill(victim["pid"], signal.SIGABRT)
    go_on()
    upgrade.join()
    wait_for(lambda: at_full_strength(pool) and pool.workers()[1]["pid"] != victim["pid"], "the slot is back")
    assert [event["cause"] for event in the_event(pool, "worker-exited")] == ["crash"]
    upgrade = threading.Thread(target=pool.verb, args=("upgrade", "--program", str(slow)))
    upgrade.start()
    wait_for(ready.exists, "nobody watches")
    pool.process.send_signal(signal.SIGTERM)
    go_on()
    assert pool.process.wait(PATIENCE) == 0
    upgrade.join()
    pool.check_nothing_left()


def test_workers_inherit_the_same_after_an_upgrade(stub_pool, tmp_path):
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\n{BIN}/inheritance_probe report > {tmp_path}/report.$$\nexec {STUB} "$@"\n')
    wrapper.chmod(0o755)
    pool = stub_pool(size=1, worker=wrapper).start()

    def inherited():
        lines = (tmp_path / f"report.{pool.workers()[0]['pid']}").read_text().splitlines()
        return sorted(line for line in lines if "_GENERATION" not in line and not line.startswith("environment PPID"))
    before = inherited()
    assert [line for line in before if line.startswith("descriptor")] == [f"descriptor {n}" for n in range(3)]
    assert "SigBlk 0000000000000000" in before and "input null" in before
    assert not any("SC_POOL" in line or "NOTIFY" in line for line in before)
    assert pool.verb("upgrade").returncode == 0
    assert pool.verb("restart", "--wait").returncode == 0
    assert inherited() == before
    assert pool.verb("down").returncode == 0
    pool.check_nothing_left()


def test_the_service_manager_sees_a_reload(stub_pool, tmp_path):
    pool = stub_pool(size=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        pool.environment.update(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000")
        pool.start()
        assert pool.verb("upgrade").returncode == 0
        heard = []
        while heard.count("READY=1") < 2:
            heard.append(manager.recv(4096).decode())
        told = heard[heard.index("READY=1") + 1:]
        reloading = next(i for i, line in enumerate(told) if line.startswith("RELOADING=1\nMONOTONIC_USEC="))
        assert told[reloading + 1] == "WATCHDOG=1"
        while manager.recv(4096) != b"WATCHDOG=1":  # goes on in the new program
            pass
        (tmp_path / "notify").unlink()
        check_still_supervised(pool)
