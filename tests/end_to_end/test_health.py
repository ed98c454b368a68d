"""Health and rolling restarts: what hangs, what lives and does not serve, what a rollout does when it cannot go on."""

import json
import os
import signal
import subprocess

import pytest

from pool import BIN, PATIENCE, Pool, wait_for
from stub_pool import StubPool, at_full_strength


def events_of(pool):
    return [json.loads(line) for line in pool.verb("events", "--json").stdout.splitlines()]


def ends_of(pool, cause):
    return [event for event in events_of(pool) if event.get("state") == "exited" and event["cause"] == cause]


def said(pool, reason):
    return [event for event in events_of(pool) if event["reason"] == reason]


@pytest.fixture
def real_pool(tmp_path):
    """Our own workers; a quick probe, so that nobody waits."""
    pool = Pool(tmp_path, name="real", config="""
[pool]
size = 3
min_ready_time = "0s"
canary_time = "0s"
[health]
probe_period = "200ms"
probe_timeout = "500ms"
unready_tolerance = "2s"
rest_period = "1s"
""")
    yield pool
    pool.destroy()


def test_a_stopped_worker_is_replaced_at_once(real_pool):
    pool = real_pool.start()
    stopped, *others = [worker["pid"] for worker in pool.workers()]
    os.kill(stopped, signal.SIGSTOP)
    wait_for(lambda: stopped not in pool.pids(), "the stopped worker is killed")
    wait_for(lambda: at_full_strength(pool), "its slot is back")
    assert len(ends_of(pool, "hang")) == 1
    assert {worker["pid"] for worker in pool.workers()} >= set(others)
    assert pool.stop() == 0


def test_when_everything_stands_still_nobody_is_killed(real_pool):
    """All silent at once: that is the host or the network, not the workers."""
    pool = real_pool.start()
    pids = [worker["pid"] for worker in pool.workers()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: said(pool, "alike-failures"), "the network is suspected")
        assert ends_of(pool, "hang") == []
        assert set(pids) <= set(pool.pids())
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: at_full_strength(pool), "they serve again")
    assert set(pids) == {worker["pid"] for worker in pool.workers()}
    assert pool.stop() == 0


def test_an_api_that_falls_silent(stub_pool):  # noqa: F811
    """Accepts connections and answers none, as a program does that stands in a deadlock."""
    pool = stub_pool(size=1, stub=["STUB_HANG_AFTER_MS=1500"]).start()
    hung = pool.workers()[0]
    wait_for(lambda: ends_of(pool, "hang"), "it is ended")
    assert ends_of(pool, "hang")[0]["generation"] == hung["generation"]
    assert pool.stop("--now") == 0
    pool.check_nothing_left()


def test_alive_and_not_serving(stub_pool, tmp_path):  # noqa: F811
    """It answers, and says for longer than is tolerated that it does not serve: another takes its place."""
    pool = stub_pool(size=3, stub=[f"STUB_UNREADY_IN={tmp_path}"])
    pool.config.write_text(pool.config.read_text().replace("[restart]", 'unready_tolerance = "2s"\n[restart]'))
    pool.start()
    victim, *others = [worker["pid"] for worker in pool.workers()]
    (tmp_path / str(victim)).touch()
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != victim, "another serves in its slot")
    assert [worker["pid"] for worker in pool.workers()[1:]] == others
    assert any(event["slot"] == 0 and event.get("state") == "unhealthy" for event in said(pool, "not-ready"))
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_last_words_are_part_of_the_cause(stub_pool):  # noqa: F811
    pool = stub_pool(size=1, stub=["STUB_EXIT_AFTER_MS=1500", "STUB_EXIT_CODE=1",
                                   "STUB_EXIT_TEXT=dial tcp: connection refused by peer"]).start()
    end = wait_for(lambda: ends_of(pool, "network"), "its end")[0]
    assert "exited with 1" in end["detail"] and "connection refused by peer" in end["detail"]
    wait_for(lambda: "connection refused by peer" in pool.verb("explain", "0").stdout, "explain tells as well")
    assert pool.stop("--now") == 0


def test_a_bad_configuration_stops_at_its_first_worker(stub_pool):  # noqa: F811
    pool = stub_pool(size=3).start()
    before = [worker["pid"] for worker in pool.workers()]
    good = pool.config.read_text()
    pool.config.write_text(good.replace("environment = []", 'environment = ["STUB_EXIT_CLASS=configuration"]'))
    assert pool.verb("reload").returncode == 0
    wait_for(lambda: pool.status()["rollout"]["state"] == "paused", "the rollout stops")
    assert [worker["pid"] for worker in at_full_strength(pool)] == before
    assert len(ends_of(pool, "configuration")) == 1
    assert "configuration" in pool.verb("rollout", "status").stdout
    # A worker that dies meanwhile comes back with the configuration that is proven.
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != before[0], "the old configuration serves on")
    assert pool.verb("rollout", "cancel").returncode == 0
    pool.config.write_text(good)
    assert pool.verb("reload").returncode == 0
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_a_second_request_joins_the_first(stub_pool):  # noqa: F811
    pool = stub_pool(size=4, stub=["STUB_READY_AFTER_MS=200"]).start()
    before = {worker["pid"] for worker in pool.workers()}
    assert pool.verb("restart", "--rolling").returncode == 0
    answer = pool.verb("restart", "--rolling", "--wait")
    assert answer.returncode == 0, answer
    wait_for(lambda: at_full_strength(pool), "full strength")
    assert not before & {worker["pid"] for worker in pool.workers()}
    assert len(said(pool, "rollout-done")) == 1
    assert pool.status()["rollout"]["lowest_ready"] == 4
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_a_restart_that_gets_nowhere_is_paused(stub_pool, tmp_path):  # noqa: F811
    pool = stub_pool(size=2, settings='start_timeout = "1s"\nprogress_deadline = "2s"').start()
    for worker in pool.workers():
        os.kill(worker["pid"], signal.SIGSTOP)
    wait_for(lambda: said(pool, "alike-failures"), "the network is suspected")
    assert pool.verb("restart", "--rolling").returncode == 0
    paused = wait_for(lambda: said(pool, "rollout-failed"), "the rollout is paused")[0]
    assert "no progress for 2s" in paused["detail"] and "suspected" in paused["detail"]
    for worker in pool.workers():
        os.kill(worker["pid"], signal.SIGCONT)
    wait_for(lambda: at_full_strength(pool), "they answer again")
    assert pool.verb("rollout", "resume").returncode == 0
    wait_for(lambda: said(pool, "rollout-done"), "it goes on to its end")
    assert pool.stop() == 0


@pytest.fixture
def small_account(tmp_path):
    """A pool of two at a server that allows two tunnels: no room for a surge."""
    directory = tmp_path / "grid"
    server = subprocess.Popen([BIN / "sc-server", "run", "--embedded", directory, "--limits-max-tunnels", "2"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    facts = wait_for(lambda: (directory / "server.json").exists()
                     and json.loads((directory / "server.json").read_text() or "{}"), "the server")
    pool = Pool(tmp_path / "pool", name="small", mode=(), config=f"""
[pool]
size = 2
min_ready_time = "0s"
[health]
probe_period = "200ms"
rest_period = "1s"
[account]
user = "{facts['user']}"
access_key_file = "{facts['access_key_file']}"
rest_url = "{facts['rest_url']}"
ca_file = "{facts['ca_file']}"
""")
    yield pool
    pool.destroy()
    server.terminate()
    server.wait(PATIENCE)


def test_without_room_for_a_surge_one_goes_before_the_next_comes(small_account):
    pool = small_account.start()
    before = {worker["pid"] for worker in pool.workers()}
    answer = pool.verb("restart", "--rolling", "--wait")
    assert answer.returncode == 0, answer
    wait_for(lambda: at_full_strength(pool), "full strength")
    assert not before & {worker["pid"] for worker in pool.workers()}
    assert pool.status()["rollout"]["lowest_ready"] == 1
    assert any("one out, one in" in event.get("detail", "") for event in events_of(pool))
    assert pool.stop() == 0
