"""A full disk: logs, events and state cannot be written, and the pool serves as before."""

import os
import pathlib
import signal
import subprocess

import pytest

from clients import get
from pool import BIN, wait_for


def can_mount(directory):
    answer = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", directory],
                            capture_output=True, text=True)
    return answer.returncode == 0


@pytest.fixture
def tiny_disk_pool(own_pool):
    """A pool whose logs and state are on a file system of one MiB, seen by itself alone."""
    disk = own_pool.directory / "disk"
    disk.mkdir()
    if not can_mount(disk):
        pytest.skip("a private mount is not allowed here")
    own_pool.environment |= {"STATE_DIRECTORY": str(disk / "state"), "LOGS_DIRECTORY": str(disk / "log")}
    with own_pool.output.open("wb") as output:
        own_pool.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', disk,
             BIN / "sc-pool", "up", "--local", "--config", own_pool.config, "--api-address", "127.0.0.1:0",
             "--pool", own_pool.name], stdout=output, stderr=subprocess.STDOUT, env=own_pool.environment)
    own_pool.wait_ready()
    return own_pool


def test_a_full_disk_stops_nothing(tiny_disk_pool, site):
    pool = tiny_disk_pool
    disk = pathlib.Path(f"/proc/{pool.process.pid}/root{pool.directory}/disk")
    filler = (disk / "filler").open("wb", buffering=0)
    with pytest.raises(OSError):
        while True:
            filler.write(b"x" * 4096)
    filler.close()
    victim = pool.workers()[0]
    os.kill(victim["pid"], signal.SIGKILL)
    wait_for(lambda: any(each["slot"] == 0 and each["state"] == "ready" and each["pid"] != victim["pid"]
                         for each in pool.workers()), "a new worker on a full disk")
    assert pool.verb("restart", "--rolling", "--wait", "--timeout", "2m").returncode == 0
    rollout = pool.status()["rollout"]
    assert (rollout["done"], rollout["lowest_ready"]) == (3, 3)
    status, _, body = get(pool.open_ingress, f"{site.url}/bytes/1000")
    assert (status, len(body)) == (200, 1000)
    # With room again, what is written is written again.
    (disk / "filler").unlink()
    assert pool.verb("restart", "1", "--wait", "--timeout", "2m").returncode == 0
    log = (disk / "log").rglob("own.log")
    assert "could not be written" in next(log).read_text()
    newest = max(each["generation"] for each in pool.workers())
    assert f'"generation":{newest}' in next((disk / "state").rglob("events.ndjson")).read_text()
    assert pool.stop() == 0
