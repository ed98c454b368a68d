"""The supervisor with workers that misbehave on request (stub_worker): no server, real processes."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess

import pytest

from pool import BIN, PATIENCE, wait_for
from stub_pool import STUB, at_full_strength


def test_a_killed_worker_is_replaced_and_the_others_are_left_alone(stub_pool):
    pool = stub_pool(size=3).start()
    before = pool.workers()
    os.kill(before[1]["pid"], signal.SIGKILL)
    wait_for(lambda: before[1]["pid"] not in pool.pids(), "the worker is gone")
    after = wait_for(lambda: at_full_strength(pool), "the slot is back")
    assert after[1]["generation"] > max(worker["generation"] for worker in before)
    assert [after[i]["pid"] for i in (0, 2)] == [before[i]["pid"] for i in (0, 2)]
    events = [json.loads(line) for line in pool.verb("events", "--json").stdout.splitlines()]
    ends = [event for event in events if event.get("state") == "exited"]
    assert [end["slot"] for end in ends] == [1]
    assert "9" in ends[0]["detail"] or "KILL" in ends[0]["detail"]
    assert [event["cursor"] for event in events] == list(range(events[0]["cursor"], events[-1]["cursor"] + 1))
    assert pool.verb("explain", "1").stdout.strip()
    assert pool.stop() == 0
    pool.check_nothing_left()


@pytest.mark.parametrize("form, parts", [
    ("json", lambda line: json.loads(line)),
    ("keyvalue", lambda line: dict(word.split("=", 1) for word in shlex.split(line)))])
def test_the_log_goes_to_standard_error(stub_pool, form, parts):
    pool = stub_pool(size=1)
    pool.config.write_text(f'{pool.config.read_text()}[log]\nfile = "stderr"\nformat = "{form}"\n')
    errors = pool.directory / "errors"
    with errors.open("wb") as output:
        pool.process = subprocess.Popen(pool.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=output, env=pool.environment)
    pool.wait_ready()
    first = pool.workers()[0]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != first, "the slot is back")
    pool.process.send_signal(signal.SIGHUP)  # whoever rotates logs: this one has no file to open again
    wait_for(lambda: "configuration read again" in errors.read_text(), "the reload is told")
    assert pool.stop() == 0
    told = [parts(line) for line in errors.read_text().splitlines()]
    assert all({"time", "level", "msg"} <= set(line) for line in told), told[0]
    messages = " ".join(line["msg"] for line in told)
    assert "supervisor-started" in messages and "crash" in messages and "pool-down" in messages
    assert {line["level"] for line in told} == {"info", "error"}
    assert not (pool.directory / "log" / "stubs.log").exists()
    assert not (pool.directory / "stderr").exists()


def test_generations_never_repeat(stub_pool):
    pool = stub_pool(size=1).start()
    first = pool.workers()[0]["generation"]
    assert pool.stop() == 0
    pool.start()
    second = pool.workers()[0]["generation"]
    assert second > first
    assert pool.stop() == 0
    (pool.directory / "state" / "state.json").unlink()  # names of logs are a second memory
    pool.start()
    assert pool.workers()[0]["generation"] > second
    assert pool.stop() == 0


def test_workers_that_ignore_the_stop_signal_are_killed(stub_pool):
    pool = stub_pool(stub=["STUB_IGNORE_TERM=1"], settings="").start()
    assert pool.verb("down", "--timeout", "200ms").returncode == 0
    assert pool.process.wait(PATIENCE) == 0
    pool.check_nothing_left()


def test_a_second_signal_does_not_wait_for_the_drain(stub_pool):
    pool = stub_pool(stub=["STUB_DRAIN_MS=600000"]).start()
    pool.process.send_signal(signal.SIGINT)
    wait_for(lambda: pool.status()["state"] == "stopping", "the drain has begun")
    assert all(worker["state"] in ("draining", "stopping") for worker in pool.workers())
    pool.process.send_signal(signal.SIGINT)
    assert pool.process.wait(PATIENCE) == 0
    pool.check_nothing_left()


def test_what_never_gets_ready_is_given_up_at_the_deadline(stub_pool):
    pool = stub_pool(stub=["STUB_NEVER_READY=1"])
    answer = pool.up("--timeout", "2s")
    assert answer.returncode == 5
    assert "not ready" in answer.stderr
    pool.check_nothing_left()


@pytest.mark.parametrize("words", [(), ("-d",)])
def test_a_permanent_failure_ends_the_start(stub_pool, words):
    pool = stub_pool(stub=["STUB_EXIT_CLASS=credentials"])
    answer = pool.up(*words)
    assert answer.returncode == 1, answer
    assert "access key" in answer.stderr
    pool.check_nothing_left()


def test_detached(stub_pool):
    pool = stub_pool()
    answer = pool.up("-d")
    assert answer.returncode == 0, answer
    assert "is up" in answer.stdout
    assert pool.verb("status").returncode == 0
    again = pool.up()
    assert again.returncode == 1
    assert str(pool.status()["supervisor"]["pid"]) in again.stderr
    assert pool.verb("down").returncode == 0
    pool.check_nothing_left()
    assert pool.verb("status").returncode == 3
    assert pool.verb("down").returncode == 3


def test_not_at_full_strength(stub_pool):
    pool = stub_pool(size=1, stub=["STUB_UNREADY_AFTER_MS=1500"]).start()
    wait_for(lambda: pool.verb("status").returncode == 4, "the worker is not ready any more")
    assert pool.verb("wait", "--timeout", "300ms").returncode == 5
    assert pool.stop("--now") == 0


def test_a_killed_supervisor_is_followed_by_one_that_takes_its_workers_back(stub_pool):
    pool = stub_pool(size=3).start()
    before = pool.workers()
    pool.process.kill()
    pool.process.wait()
    assert sorted(pool.pids()) == sorted(worker["pid"] for worker in before)
    pool.start()
    after = wait_for(lambda: at_full_strength(pool), "all workers are taken back")
    assert [(w["pid"], w["generation"]) for w in after] == [(w["pid"], w["generation"]) for w in before]
    os.kill(after[0]["pid"], signal.SIGKILL)
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != after[0]["pid"],
             "the end of an adopted worker is seen")
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_a_rolling_restart_keeps_the_pool_at_strength(stub_pool):
    pool = stub_pool(size=3).start()
    before = {worker["pid"] for worker in pool.workers()}
    answer = pool.verb("restart", "--wait")
    assert answer.returncode == 0, answer
    after = wait_for(lambda: at_full_strength(pool), "full strength")
    assert not before & {worker["pid"] for worker in after}
    assert pool.status()["rollout"]["lowest_ready"] == 3
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_a_plan_is_what_is_then_done(stub_pool):
    pool = stub_pool(size=3, settings='max_surge = 2').start()
    table = pool.verb("plan", "restart")
    assert table.returncode == 0 and all(len(line) <= 100 for line in table.stdout.splitlines()), table
    plan = json.loads(pool.verb("plan", "restart", "--json").stdout)
    assert (plan["lowest_ready"], plan["most_workers"], plan["comes_to_rest"]) == (3, 5, True)
    cursor = json.loads(pool.verb("events", "--json").stdout.splitlines()[-1])["cursor"]
    assert pool.verb("restart", "--wait").returncode == 0
    done = [json.loads(line) for line in pool.verb("events", "--json", "--since", str(cursor)).stdout.splitlines()]
    for what, event in (("start", "start-worker"), ("drain", "drain-worker")):  # which of two is ready first is open
        assert sorted((step["slot"], step["generation"]) for step in plan["steps"] if step["do"] == what) == \
            sorted((entry["slot"], entry["generation"]) for entry in done if entry["event"] == event)
    assert "No worker" in pool.verb("plan", "scale", "3").stdout
    assert len(json.loads(pool.verb("plan", "scale", "5", "--json").stdout)["steps"]) == 2
    good = pool.config.read_text()
    pool.config.write_text(good.replace('"100ms"', '"200ms"').replace("[worker]", '[worker]\nlog_level = "debug"'))
    plan = json.loads(pool.verb("plan", "reload", "--json").stdout)
    assert {each["key"]: each["applied"] for each in plan["settings"]} == {
        "health.probe_period": "in place", "worker.log_level": "by new workers"}
    assert len(plan["steps"]) == 6
    assert pool.status()["rollout"]["state"] == "idle"
    pool.config.write_text(good.replace("size = 3", "size = 0"))
    refused = pool.verb("plan", "reload")
    assert refused.returncode == 2 and "pool.size" in refused.stderr
    assert pool.verb("plan", "scale").returncode == 2
    assert pool.stop() == 0


def test_another_file_of_the_workers_program_means_new_workers_where_it_is_wished(stub_pool, tmp_path):
    program = tmp_path / "worker-program"
    shutil.copy(STUB, program)
    pool = stub_pool(size=2, worker=program).start()
    pool.config.write_text(pool.config.read_text().replace("[worker]", "[worker]\nfollow_program = true"))
    assert pool.verb("reload").returncode == 0
    wait_for(lambda: at_full_strength(pool) and pool.status()["rollout"]["state"] == "idle", "the setting is on")
    before = {worker["pid"] for worker in pool.workers()}
    shutil.copy(STUB, tmp_path / "next")
    (tmp_path / "next").rename(program)
    wait_for(lambda: at_full_strength(pool) and not before & {worker["pid"] for worker in pool.workers()},
             "workers of the new file")
    assert pool.stop() == 0


def test_what_a_crash_has_left_is_ended_without_a_supervisor(stub_pool):
    pool = stub_pool(size=2, stub=["STUB_DRAIN_MS=300"]).start()
    words = ("down", "--leftovers", "--config", str(pool.config))
    refused = pool.verb(*words)
    assert refused.returncode == 1 and "already up" in refused.stderr
    pool.process.kill()
    pool.process.wait()
    answer = pool.verb(*words)
    assert answer.returncode == 0 and "2 workers had been left" in answer.stdout
    assert pool.pids() == []
    assert "0 workers" in pool.verb(*words).stdout
    pool.start()
    assert pool.stop() == 0


def test_scaling_and_draining(stub_pool):
    pool = stub_pool(size=2).start()
    assert pool.verb("scale", "4", "--wait").returncode == 0
    assert len(pool.workers()) == 4
    assert pool.verb("scale", "1", "--wait").returncode == 0
    survivor = pool.workers()[0]
    unknown = pool.verb("drain", "9")
    assert unknown.returncode == 1
    assert "no slot 9" in unknown.stderr
    assert pool.verb("drain", "0").returncode == 0
    wait_for(lambda: at_full_strength(pool) and pool.workers()[0]["pid"] != survivor["pid"],
             "a fresh worker has the slot")
    assert pool.stop() == 0
    pool.check_nothing_left()


def test_reload_is_all_or_nothing(stub_pool):
    pool = stub_pool(size=1).start()
    good = pool.config.read_text()
    pool.config.write_text(good.replace("size = 1", "sise = 1"))
    answer = pool.verb("reload")
    assert answer.returncode == 2
    assert "sise" in answer.stderr and "size" in answer.stderr
    assert pool.status()["size"] == 1
    pool.config.write_text(good.replace("size = 1", "size = 2"))
    assert pool.verb("reload").returncode == 0
    wait_for(lambda: len(at_full_strength(pool) or []) == 2, "the new size is there")
    assert pool.stop() == 0


def test_another_key_in_the_same_file_means_new_workers(stub_pool):
    pool = stub_pool(size=2).start()
    before = {worker["pid"] for worker in pool.workers()}
    assert pool.verb("reload").stdout.strip() == "applied in place"
    (pool.directory / "key").write_text("another key\n")
    assert pool.verb("reload").stdout.strip() == "rolling restart begins"
    wait_for(lambda: not before & {worker["pid"] for worker in at_full_strength(pool) or [{"pid": min(before)}]},
             "workers with the new key")
    assert pool.stop() == 0


def test_the_service_manager_is_told(stub_pool, tmp_path):
    pool = stub_pool()
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(PATIENCE)
    pool.environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    pool.start(ready=False)

    def hear_until(wanted):
        heard = []
        while not heard or not wanted(heard[-1]):
            heard.append(manager.recv(4096).decode())
        return heard

    def asks_for_time(message):
        return message.startswith("EXTEND_TIMEOUT_USEC=")
    told = hear_until(lambda message: message == "READY=1")
    assert any(map(asks_for_time, told))
    assert pool.verb("reload").returncode == 0
    hear_until(lambda message: message.startswith("RELOADING=1\nMONOTONIC_USEC="))
    told += hear_until(lambda message: message == "READY=1")
    pool.process.send_signal(signal.SIGTERM)
    told += hear_until(lambda message: message == "STOPPING=1")
    hear_until(asks_for_time)
    assert pool.process.wait(PATIENCE) == 0
    manager.close()
    assert any(line.startswith("STATUS=") and "workers ready" in line for line in told)


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user")
def test_strangers_get_no_answer(stub_pool):
    pool = stub_pool(size=1).start()
    path = pool.status()["supervisor"]["socket"]
    for folder in [pathlib.Path(path), *pathlib.Path(path).parents]:
        if folder.is_relative_to("/tmp") and folder != pathlib.Path("/tmp"):
            folder.chmod(0o777)
    pathlib.Path(path).chmod(0o666)
    answer = subprocess.run(["curl", "-s", "-w", "%{http_code}", "--unix-socket", path, "http://pool/v1/status"],
                            capture_output=True, text=True, user=65534, timeout=PATIENCE)
    assert answer.stdout.endswith("403")
    assert "tunnel" not in answer.stdout
    assert pool.stop() == 0


def test_every_verb_has_help():
    overview = subprocess.run([BIN / "sc-pool", "--help"], capture_output=True, text=True)
    assert overview.returncode == 0
    verbs = [line.split()[0] for line in overview.stdout.splitlines() if line.startswith("  ") and line[2].isalpha()]
    assert {"up", "down", "status", "wait", "logs", "config", "version", "completion"} <= set(verbs)
    for verb in verbs:
        answer = subprocess.run([BIN / "sc-pool", verb, "--help"], capture_output=True, text=True)
        assert answer.returncode == 0
        assert verb in answer.stdout
        assert all(len(line) <= 100 for line in answer.stdout.splitlines()), answer.stdout
