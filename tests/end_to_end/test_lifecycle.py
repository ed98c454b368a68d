"""A pool from its start to its end, and what happens when parts of it are shot."""

import itertools
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.request

import pytest

from clients import basic, connect, get, open_connect, receive_head
from origin_site import content
from pool import PATIENCE, SANITIZED, wait_for

BODY = b"".join(content(1024))


def check_nothing_left(pool):
    wait_for(lambda: pool.pids() == [], "every process of the pool has ended")
    assert pool.left_over_files() == []


def api(pool, path):
    """GET of the pool's TCP API: (status, text)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(pool.status()["api_url"] + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_what_a_first_user_sees(own_pool, site):
    own_pool.start()
    text = wait_for(lambda: "curl" in own_pool.output.read_text() and own_pool.output.read_text(),
                    "the curl line is shown")
    line = next(line.strip() for line in text.splitlines() if line.strip().startswith("curl"))
    pasted = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=PATIENCE)
    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout
    status = own_pool.status()
    assert (status["size"], status["ready"]) == (3, 3)
    assert len({worker["pid"] for worker in status["workers"]}) == 3
    assert len({worker["tunnel_id"] for worker in status["workers"]}) == 3
    assert all(worker["state"] == "ready" for worker in status["workers"])
    assert api(own_pool, "/readiness")[0] == 200
    assert api(own_pool, "/readyz")[0] == 200
    table = own_pool.verb("status").stdout
    assert "ready" in table and all(len(row) <= 100 for row in table.splitlines())
    assert own_pool.access_key not in own_pool.output.read_text() + own_pool.log_text()
    for worker in status["workers"]:
        arguments = pathlib.Path(f"/proc/{worker['pid']}/cmdline").read_bytes()
        assert own_pool.access_key.encode() not in arguments
    assert "you may start your tests" in own_pool.verb("logs", "0").stdout
    os.kill(own_pool.process.pid, signal.SIGINT)
    assert own_pool.process.wait(PATIENCE) == 0
    check_nothing_left(own_pool)


def test_detached_start_and_down(own_pool, site):
    started = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" </dev/null', str(own_pool_binary()), "up", "--local", "-d", "--config",
         str(own_pool.config), "--api-address", "127.0.0.1:0", "--pool", own_pool.name],
        env=own_pool.environment, capture_output=True, text=True, timeout=PATIENCE)
    assert started.returncode == 0, started.stderr
    assert get(own_pool.open_ingress, f"{site.url}/")[2] == b"the site is here\n"
    again = own_pool.verb("up", "--local", "--config", str(own_pool.config))
    assert again.returncode == 1
    assert "already" in again.stderr
    assert own_pool.verb("down").returncode == 0
    check_nothing_left(own_pool)


def own_pool_binary():
    from pool import BIN
    return BIN / "sc-pool"


def test_down_waits_for_what_runs(own_pool, site):
    seconds = 60
    own_pool.start()
    with connect(own_pool.ingress) as connection:
        connection.sendall((
            f"GET {site.url}/paced?seconds={seconds} HTTP/1.1\r\nHost: {site.authority}\r\n"
            f"Proxy-Authorization: {basic(own_pool.credential(job='long'))}\r\n"
            "Connection: close\r\n\r\n").encode())
        status, _, data = receive_head(connection)
        assert status == 200
        # Each look is a job of its own: one that began before the drain is served to its end.
        ingress, user, key = own_pool.ingress, own_pool.local["user"], own_pool.access_key
        late = (f"{user};job=late-{number}:{key}" for number in itertools.count())
        down = threading.Thread(target=own_pool.verb, args=("down",))
        down.start()
        wait_for(lambda: get(ingress, f"{site.url}/", next(late))[0] == 503, "new jobs are refused")
        while piece := connection.recv(65536):
            data += piece
    assert data == b"".join(b"%015d\n" % tick for tick in range(seconds * 10))
    down.join()
    assert own_pool.process.wait(PATIENCE) == 0
    check_nothing_left(own_pool)


def test_down_now_does_not_wait(own_pool, site):
    own_pool.start()
    with connect(own_pool.ingress) as connection:
        connection.sendall((
            f"GET {site.url}/paced?seconds=600 HTTP/1.1\r\nHost: {site.authority}\r\n"
            f"Proxy-Authorization: {basic(own_pool.credential(job='long'))}\r\n\r\n").encode())
        assert receive_head(connection)[0] == 200
        assert own_pool.verb("down", "--now").returncode == 0
    assert own_pool.process.wait(PATIENCE) == 0
    check_nothing_left(own_pool)


def test_a_killed_worker_costs_no_new_request(own_pool, site):
    """Each request is a connection of its own; those in flight on the killed member may fail."""
    own_pool.start()
    before = own_pool.workers()
    victim = before[1]
    address = own_pool.ingress
    credentials = [own_pool.credential(job=f"crash-{number}") for number in range(30)]
    for credential in credentials:
        assert get(address, f"{site.url}/", credential)[0] == 200
    os.kill(victim["pid"], signal.SIGKILL)
    wait_for(lambda: not pathlib.Path(f"/proc/{victim['pid']}/cmdline").exists() or
             not pathlib.Path(f"/proc/{victim['pid']}/cmdline").read_bytes(), "the victim is dead")
    answers = [get(address, f"{site.url}/bytes/1024", credential) for credential in credentials * 5]
    assert [(status, body == BODY) for status, _, body in answers] == [(200, True)] * len(answers)
    for credential in credentials:
        connection, status, _, _ = open_connect(address, site.authority, credential)
        connection.close()
        assert status == 200

    def is_back():
        workers = own_pool.workers()
        return len(workers) == 3 and all(worker["state"] == "ready" for worker in workers) and workers
    after = wait_for(is_back, "the slot is back")
    assert after[1]["pid"] != victim["pid"]
    assert after[1]["generation"] > victim["generation"]
    assert after[1]["tunnel_id"] != victim["tunnel_id"]
    assert [after[i]["pid"] for i in (0, 2)] == [before[i]["pid"] for i in (0, 2)]
    user = own_pool.local["user"]
    wait_for(lambda: sorted(own_pool.rest("GET", f"/{user}/tunnels")[1]) ==
             sorted(worker["tunnel_id"] for worker in own_pool.workers()),
             "the dead worker's tunnel is gone from the server")
    assert own_pool.stop() == 0
    check_nothing_left(own_pool)


def test_a_restarted_server_keeps_its_tunnels(own_pool, site):
    own_pool.start()
    ids = sorted(worker["tunnel_id"] for worker in own_pool.workers())
    server = next(pid for pid in own_pool.pids()
                  if b"sc-server" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(server, signal.SIGKILL)
    credential, address = own_pool.credential(job="after"), own_pool.ingress

    def works_again():
        try:
            return get(address, f"{site.url}/", credential)[0] == 200
        except OSError:
            return False
    wait_for(works_again, "traffic flows again")
    wait_for(lambda: own_pool.status()["ready"] == 3, "the pool is at full strength")
    assert sorted(worker["tunnel_id"] for worker in own_pool.workers()) == ids
    assert own_pool.stop() == 0
    check_nothing_left(own_pool)


def test_logs_follow_a_rotation(own_pool):
    own_pool.start()
    worker = own_pool.workers()[0]
    log = next((own_pool.directory / "log").rglob(f"*-0.{worker['generation']}.log"))
    log.rename(log.with_suffix(".log.1"))
    os.kill(worker["pid"], signal.SIGHUP)
    wait_for(log.exists, "the log is opened anew")


@pytest.mark.skipif(SANITIZED, reason="sanitized programs need more memory by design")
def test_idle_memory_is_small(own_pool):
    from pool import proportional_memory
    own_pool.start()
    sizes = {}
    for pid in own_pool.pids():
        name = pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
        sizes.setdefault(name, []).append(proportional_memory(pid) / 2**20)
    print("PSS in MiB:", json.dumps({name: [round(size, 1) for size in found] for name, found in sizes.items()}))
    assert max(size for found in sizes.values() for size in found) < 32
