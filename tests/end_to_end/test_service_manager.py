"""The units, under a real systemd: start, crash, hang, reload, nightly restart, stop."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest

from pool import SANITIZED, wait_for
from service_host import SOURCE, ServiceHost

POOL = "sc-pool@main.service"
LEFTOVERS = "sc-pool-leftovers@main.service"
SOCKET = "/run/sc-pool/main/control.sock"
KEY = "0f5f0f2e-6f0e-4c59-9b2b-3f8d6d6d6a11"
SERVER = """
listen = "127.0.0.1:8443"
host = "localhost"
certificate = "/etc/sc-server/tls.pem"
key = "/etc/sc-server/tls.key"
state_dir = "/var/lib/sc-server"
[[account]]
name = "ci"
access_key_file = "/etc/sc-server/ci.key"
[[ingress]]
listen = "127.0.0.1:3128"
"""
SERVER_UNIT = """
[Service]
ExecStart=/usr/bin/sc-server run --config /etc/sc-server/sc-server.toml
StateDirectory=sc-server
"""
SITE_UNIT = """
[Service]
ExecStart=/usr/bin/python3 -m http.server 8090 --bind 127.0.0.1 --directory /usr/lib
"""
CONFIG = """
[pool]
name = "main"
size = 3
min_ready_time = "0s"
canary_time = "0s"
[account]
user = "ci"
access_key_file = "access-key"
rest_url = "https://localhost:8443/rest/v1"
ca_file = "/etc/sc-pool/ca.pem"
[worker]
proxy_localhost = "allow"
[control]
group = "sc-pool"
[log]
file = "stderr"
"""
# The limits of the unit, made short enough to be waited for.
IMPATIENT = """
[Service]
WatchdogSec=3s
TimeoutStopSec=1s
RestartSec=1s
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory, certificate):
    if SANITIZED:
        pytest.skip("sanitizers need what the unit forbids")
    files = {
        "/etc/sc-server/sc-server.toml": (SERVER, 0o644),
        "/etc/sc-server/tls.pem": (certificate.pem.read_text(), 0o644),
        "/etc/sc-server/tls.key": (certificate.key.read_text(), 0o600),
        "/etc/sc-server/ci.key": (KEY, 0o600),
        "/etc/systemd/system/sc-server.service": (SERVER_UNIT, 0o644),
        "/etc/systemd/system/site.service": (SITE_UNIT, 0o644),
        "/etc/sc-pool/main.toml": (CONFIG, 0o644),
        "/etc/sc-pool/main.key": (KEY, 0o644),  # tmpfiles.d mends the mode
        "/etc/sc-pool/ca.pem": (certificate.pem.read_text(), 0o644),
        "/etc/systemd/system/sc-pool@main.service.d/impatient.conf": (IMPATIENT, 0o644),
    }
    machine = ServiceHost(tmp_path_factory.mktemp("host"), files)
    if why := machine.why_impossible():
        pytest.skip(why)
    try:
        machine.start().do("systemctl", "start", "sc-server.service", "site.service")
        yield machine
    finally:
        machine.destroy()


@pytest.fixture
def pool(host):
    """The pool as a service, started; stopped at the end, which must leave nothing."""
    host.do("systemctl", "start", POOL)
    host.do("sc-pool", "wait", "--pool", "main", "--timeout", "60s")
    yield host
    host.do("systemctl", "stop", POOL)
    assert host.run("pgrep", "--list-full", "--uid", "sc-pool").stdout == ""
    assert host.run("test", "-e", "/run/sc-pool/main").returncode == 1
    assert host.shown(POOL, "Result") == "success"


def workers(host):
    return json.loads(host.do("sc-pool", "status", "--pool", "main", "--json"))["workers"]


def identities(host):
    return [(worker["slot"], worker["pid"], worker["generation"]) for worker in workers(host)]


def wait_for_another_supervisor(host, before):
    wait_for(lambda: host.shown(POOL, "MainPID") not in ("0", before)
             and host.shown(POOL, "ActiveState") == "active", "a new supervisor serves")
    host.do("sc-pool", "wait", "--pool", "main", "--timeout", "60s")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", ["sc-pool@.service", "sc-pool-restart@.service"])
def test_exposure(unit):
    answer = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15",
                             SOURCE / "systemd" / unit], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_the_units_are_well_formed(host):
    answer = host.run("systemd-analyze", "verify", "--man=no", POOL, LEFTOVERS, "sc-pool-restart@main.service",
                      "sc-pool-restart@main.timer")
    assert answer.returncode == 0
    assert "sc-pool" not in answer.stderr, answer.stderr


def test_started_as_its_own_user_with_a_key_only_root_can_read(pool):
    assert pool.shown(POOL, "StatusText").startswith("3 of 3")
    assert pool.shown(POOL, "User") == "sc-pool"
    assert pool.do("stat", "--format", "%a %U", "/etc/sc-pool/main.key").split() == ["600", "root"]
    assert pool.do("stat", "--format", "%a %U %G", SOCKET).split() == ["660", "sc-pool", "sc-pool"]
    assert pool.do("stat", "--format", "%a %U", "/var/lib/sc-pool/main").split() == ["700", "sc-pool"]
    assert "worker 0.1 ready: became-ready" in pool.do("journalctl", "--no-pager", "--unit", POOL)
    logs = pool.do("sh", "-c", "cat /var/log/sc-pool/main/*.log")
    assert "you may start your tests" in logs
    assert KEY not in logs + pool.do("journalctl", "--no-pager", "--unit", POOL)


def test_requests_pass_through_confined_workers(pool):
    for job in pool.do("pgrep", "--exact", "sc-worker").split():  # each in its turn
        answer = pool.do("curl", "--silent", "--show-error", "--fail", "--noproxy", "",
                         "--proxy", "http://127.0.0.1:3128", "--proxy-user", f"ci;tunnel=main;job={job}:{KEY}",
                         "--retry", "5", "--retry-all-errors", "http://localhost:8090/os-release")
        assert answer == pool.do("cat", "/usr/lib/os-release")


def test_a_killed_supervisor_leaves_its_workers_serving_and_the_next_takes_them_back(pool):
    before, supervisor = identities(pool), pool.shown(POOL, "MainPID")
    pool.do("kill", "-KILL", supervisor)
    wait_for_another_supervisor(pool, supervisor)
    assert identities(pool) == before


def test_a_stop_before_a_crashed_supervisor_is_restarted_leaves_no_worker(pool):
    pool.do("mkdir", "--parents", "/run/systemd/system/sc-pool@main.service.d")
    pool.do("sh", "-c", "printf '[Service]\\nRestartSec=1h\\n' > /run/systemd/system/sc-pool@main.service.d/late.conf")
    pool.do("systemctl", "daemon-reload")
    pool.do("kill", "-KILL", pool.shown(POOL, "MainPID"))
    wait_for(lambda: pool.shown(POOL, "SubState") == "auto-restart", "the restart is waited for")
    assert len(pool.do("pgrep", "--exact", "sc-worker").split()) == 3
    pool.do("systemctl", "stop", POOL)
    assert pool.run("pgrep", "--exact", "sc-worker").stdout == ""
    assert "3 workers had been left" in pool.do("journalctl", "--no-pager", "--unit", LEFTOVERS)
    pool.do("rm", "/run/systemd/system/sc-pool@main.service.d/late.conf")
    pool.do("systemctl", "daemon-reload")


def test_a_supervisor_that_hangs_is_replaced_by_one_that_takes_its_workers_back(pool):
    before, supervisor = identities(pool), pool.shown(POOL, "MainPID")
    pool.do("kill", "-STOP", supervisor)
    wait_for_another_supervisor(pool, supervisor)
    assert identities(pool) == before
    assert "watchdog" in pool.do("journalctl", "--no-pager", "--unit", POOL).lower()


def test_how_a_worker_ended_while_there_was_no_supervisor_is_known_to_the_next(pool):
    assert pool.shown(POOL, "NFileDescriptorStore") == "3"
    before, supervisor = identities(pool), pool.shown(POOL, "MainPID")
    pool.do("kill", "-KILL", supervisor)
    pool.do("kill", "-SEGV", str(before[1][1]))
    wait_for_another_supervisor(pool, supervisor)
    after = identities(pool)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1][2] > before[1][2]
    events = [json.loads(line) for line in pool.do("sc-pool", "events", "--pool", "main", "--json").splitlines()]
    end = next(event for event in reversed(events) if event["event"] == "worker-exited")
    assert (end["slot"], end["generation"]) == (1, before[1][2])
    kernel = tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
    assert end["cause"] == ("crash" if kernel >= (6, 15) else "unknown"), end
    wait_for(lambda: pool.shown(POOL, "NFileDescriptorStore") == "3", "what is stale is removed")


def test_an_upgrade_is_no_restart(pool):
    before, supervisor = identities(pool), pool.shown(POOL, "MainPID")
    pool.do("cp", "/usr/bin/sc-pool", "/usr/bin/sc-pool.new")
    pool.do("mv", "/usr/bin/sc-pool.new", "/usr/bin/sc-pool")
    assert "3 workers kept" in pool.do("sc-pool", "upgrade", "--pool", "main")
    for _ in range(3):
        pool.do("sc-pool", "upgrade", "--pool", "main")
    assert identities(pool) == before
    assert pool.shown(POOL, "MainPID") == supervisor
    assert pool.shown(POOL, "ActiveState") == "active"
    assert pool.shown(POOL, "NFileDescriptorStore") == "3"
    for _ in range(2):
        fed = pool.shown(POOL, "WatchdogTimestampMonotonic")
        wait_for(lambda: pool.shown(POOL, "WatchdogTimestampMonotonic") != fed, "the watchdog is fed")
    assert (pool.shown(POOL, "MainPID"), pool.shown(POOL, "StatusText")[:6]) == (supervisor, "3 of 3")


def test_reload(pool):
    supervisor = pool.shown(POOL, "MainPID")
    pool.do("sed", "-i", "s/size = 3/size = 2/", "/etc/sc-pool/main.toml")
    pool.do("systemctl", "reload", POOL)
    wait_for(lambda: len(workers(pool)) == 2, "the new size is there")
    pool.do("sed", "-i", "s/size = 2/sise = 2/", "/etc/sc-pool/main.toml")
    assert pool.run("systemctl", "reload", POOL).returncode != 0
    pool.do("sed", "-i", "s/sise = 2/size = 3/", "/etc/sc-pool/main.toml")
    pool.do("systemctl", "reload", POOL)
    wait_for(lambda: pool.shown(POOL, "StatusText").startswith("3 of 3"), "the old size is back")
    assert (pool.shown(POOL, "MainPID"), pool.shown(POOL, "ActiveState")) == (supervisor, "active")


def test_the_restart_unit_replaces_every_worker_and_waits_for_it(pool):
    before = {pid for _, pid, _ in identities(pool)}
    pool.do("systemctl", "start", "sc-pool-restart@main.service")
    assert not before & {pid for _, pid, _ in identities(pool)}
    status = json.loads(pool.do("sc-pool", "status", "--pool", "main", "--json"))
    assert (status["rollout"]["lowest_ready"], status["ready"]) == (3, 3)


def test_a_stop_may_take_longer_than_the_units_limit_while_a_job_runs(host):
    host.do("sed", "-i", "/^size/a drain_timeout = '4s'", "/etc/sc-pool/main.toml")
    host.do("systemctl", "start", POOL)
    host.do("sc-pool", "wait", "--pool", "main", "--timeout", "60s")
    host.do("curl", "--silent", "--fail-with-body", "--cacert", "/etc/sc-pool/ca.pem", "--user", f"ci:{KEY}",
            "--json", '{"tunnel_name": "main"}', "https://localhost:8443/rest/v1/ci/jobs")
    began = time.monotonic()
    host.do("systemctl", "stop", POOL)
    assert time.monotonic() - began >= 4
    assert host.shown(POOL, "Result") == "success"
    assert host.run("pgrep", "--uid", "sc-pool").stdout == ""
    host.do("sed", "-i", "/drain_timeout/d", "/etc/sc-pool/main.toml")


def test_without_a_pool_the_restart_unit_does_nothing(host):
    host.do("systemctl", "start", "sc-pool-restart@main.service")
    assert host.shown("sc-pool-restart@main.service", "ConditionResult") == "no"


def test_a_pool_taken_down_by_its_own_command_stays_down(host):
    host.do("systemctl", "start", POOL)
    host.do("sc-pool", "down", "--pool", "main")
    wait_for(lambda: host.shown(POOL, "ActiveState") == "inactive", "the service has ended")
    assert host.shown(POOL, "NRestarts") == "0"
    assert host.run("pgrep", "--uid", "sc-pool").stdout == ""
