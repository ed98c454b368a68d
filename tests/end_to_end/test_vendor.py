"""Pools of the vendor's clients: stand-ins with real tunnels at a real server, run as our own workers are."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import types

import pytest

from pool import BIN, PATIENCE, Pool, wait_for
from rest_gate import RestGate

HERE = pathlib.Path(__file__).parent
KINDS = {"5": "sauce-connect-5", "4": "sauce-connect-4"}


@pytest.fixture
def grid(tmp_path):
    """A server whose account may have `most` tunnels, and a gate before its REST API."""
    running = []

    def start(most=20):
        directory = tmp_path / "grid"
        process = subprocess.Popen([BIN / "sc-server", "run", "--embedded", directory, "--limits-max-tunnels", str(most),
                                    "--limits-creates-per-minute", "6000"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append(process)
        facts = wait_for(lambda: (directory / "server.json").exists()
                         and json.loads((directory / "server.json").read_text() or "{}"), "the server")
        made = types.SimpleNamespace(**facts, directory=directory,
                                     key=pathlib.Path(facts["access_key_file"]).read_text().strip(),
                                     gate=RestGate(facts["rest_url"], directory))
        running.append(made.gate)
        return made
    yield start
    for each in running:
        if isinstance(each, RestGate):
            each.close()
        else:
            each.terminate()
            each.wait(PATIENCE)


class VendorPool(Pool):
    def __init__(self, directory, grid, version="5.2.1", size=2, environment=(), settings="", key=None):
        super().__init__(directory, name="vendor", mode=())
        self.grid, self.size = grid, size
        (directory / "tmp").mkdir()
        self.environment |= {"TMPDIR": str(directory / "tmp"), "SCPOOL_BIN": str(BIN), "SAUCE_ACCESS_KEY": key or grid.key}
        self.words, self.settings = environment, settings
        self.configure(version)

    def program(self, version):
        """An `sc` of that version."""
        path = self.directory / f"sc-{version}"
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE}/vendor_client.py {version} "$@"\n')
        path.chmod(0o755)
        return path

    def configure(self, version, program=None):
        words = ", ".join(f'"{word}"' for word in self.words)
        self.config.write_text(f"""
[pool]
size = {self.size}
min_ready_time = "0s"
canary_time = "0s"
stop_grace = "1s"
{self.settings}
[health]
probe_period = "200ms"
rest_period = "1s"
[restart]
backoff_base = "50ms"
[worker]
kind = "{KINDS[version[0]]}"
program = "{program or self.program(version)}"
environment = [{words}]
[account]
user = "{self.grid.user}"
region = "eu-central"
rest_url = "{self.grid.gate.url}"
ca_file = "{self.grid.ca_file}"
""")

    def pids(self):
        """Of everything that was started below the directory: supervisor, stand-ins, their tunnels."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if str(self.directory).encode() in words and b"sc-server" not in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return found

    def begin(self):
        """Started, and not ready for some reason."""
        self.start(ready=False)
        wait_for(lambda: self.verb("status").returncode in (0, 4), "the supervisor answers")
        return self

    def left_over_files(self):
        return [str(path) for path in (self.directory / "run").rglob("*") if not path.is_dir()]

    def tunnels(self):
        command = ["curl", "-sS", "--cacert", self.grid.ca_file, "-u", f"{self.grid.user}:{self.grid.key}",
                   f"{self.grid.rest_url}/{self.grid.user}/tunnels?full=1"]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout)

    def events(self):
        return [json.loads(line) for line in self.verb("events", "--json").stdout.splitlines()]

    def ends(self):
        return [event for event in self.events() if event.get("state") == "exited"]

    def check_gone(self):
        assert self.process.wait(PATIENCE) == 0
        wait_for(lambda: self.pids() == [], "every process has ended")
        assert self.left_over_files() == []
        assert self.tunnels() == []


@pytest.fixture
def vendor_pool(tmp_path, grid):
    pools = []

    def make(version, most=20, **how):
        pools.append(VendorPool(tmp_path / "pool", grid(most), version=version, **how))
        return pools[-1]
    yield make
    for pool in pools:
        pool.destroy()


def serving(pool):
    status = pool.status()
    ready = [worker for worker in status["workers"] if worker["state"] == "ready"]
    return len(ready) == status["size"] == len(status["workers"]) and ready


def words_of(pid):
    return (pathlib.Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")


@pytest.mark.parametrize("version", ["5.2.1", "5.0.1", "4.9.2", "4.7.1", "4.6.5", "4.3.16", "4.3.11"])
def test_from_start_to_down(vendor_pool, version):
    pool = vendor_pool(version)
    (pool.directory / "credentials").write_text("")
    shown = pool.verb("config", "show", "--config", str(pool.config)).stdout
    pool.start()
    workers = pool.workers()
    tunnels = {tunnel["id"]: tunnel for tunnel in pool.tunnels()}
    assert {worker["tunnel_id"] for worker in workers} == set(tunnels)
    assert all(tunnel["is_ready"] and tunnel["tunnel_pool"] for tunnel in tunnels.values())
    for worker in workers:
        words = words_of(worker["pid"])
        assert not any(pool.grid.key in word for word in words)
        line = next(line for line in shown.splitlines() if f"vendor-{worker['slot']}.{worker['generation']}.log" in line)
        assert "SAUCE_ACCESS_KEY=***" in line and pool.grid.key not in line
        plain = [word for word in words[3:] if word and not word.startswith(("127.0.0.1:", "pool_worker"))]
        assert all(word in line for word in plain), (plain, line)
        pid_file = pool.directory / "run" / f"vendor-{worker['slot']}.{worker['generation']}.pid"
        assert int(pid_file.read_text().split()[0]) == worker["pid"]
        assert "you may start your tests" in pathlib.Path(worker["log"]).read_text()
    assert len({worker["log"] for worker in workers}) == len(workers)
    assert pool.verb("down").returncode == 0
    pool.check_gone()


@pytest.mark.parametrize("version", ["5.2.1", "4.9.2", "4.6.5"])
def test_a_life(vendor_pool, version):
    """Killed, stopped, restarted one by one, drained, adopted: what is done to our own workers."""
    pool = vendor_pool(version, settings='drain_timeout = "20s"').start()
    before = pool.workers()
    os.kill(before[0]["pid"], signal.SIGKILL)
    wait_for(lambda: before[0]["pid"] not in pool.pids(), "the killed one is gone")
    after = wait_for(lambda: serving(pool), "the slot is back")
    assert after[1]["pid"] == before[1]["pid"]
    assert [end["cause"] for end in pool.ends()] == ["crash"]
    if version != "4.6.5":  # which has no API that could fall silent
        os.kill(after[1]["pid"], signal.SIGSTOP)
        wait_for(lambda: after[1]["pid"] not in pool.pids(), "the stopped one is killed")
        wait_for(lambda: serving(pool), "the slot is back again")
        assert pool.ends()[-1]["cause"] == "hang"

    pool.process.kill()
    pool.process.wait()
    left = [(worker["pid"], worker["generation"]) for worker in serving_before(pool)]
    pool.start()
    assert [(worker["pid"], worker["generation"]) for worker in wait_for(lambda: serving(pool), "adopted")] == left

    answer = pool.verb("restart", "--rolling", "--wait")
    assert answer.returncode == 0, answer
    rollout = pool.status()["rollout"]
    assert rollout["lowest_ready"] == pool.size and rollout["lost_worker_s"] == 0
    wait_for(lambda: not {pid for pid, _ in left} & {worker["pid"] for worker in pool.workers()},
             "the old ones have ended")
    assert pool.verb("drain", "0").returncode == 0
    wait_for(lambda: serving(pool) and len(pool.tunnels()) == pool.size, "the drained one's successor")
    assert pool.verb("down").returncode == 0
    pool.check_gone()


@pytest.mark.parametrize("version", ["5.2.1", "4.6.5"])
def test_jobs_are_those_the_server_knows(vendor_pool, version):
    pool = vendor_pool(version).start()
    command = ["curl", "-sS", "--fail", "--cacert", pool.grid.ca_file, "-u", f"{pool.grid.user}:{pool.grid.key}", "--json",
               json.dumps({"tunnel_name": pool.status()["tunnel_name"]}),
               f"{pool.grid.rest_url}/{pool.grid.user}/jobs"]
    job = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout)
    busy = wait_for(lambda: [worker for worker in pool.workers() if worker["jobs"]], "the job is counted")
    assert [(worker["tunnel_id"], worker["jobs"]) for worker in busy] == [(job["tunnel_id"], 1)]
    assert pool.verb("down", "--now").returncode == 0
    pool.check_gone()


def serving_before(pool):
    """The workers as the state file of a killed supervisor knows them."""
    processes = json.loads((pool.directory / "state" / "state.json").read_text())["processes"]
    assert all(process["kind"].startswith("sauce-connect-") for process in processes)
    return sorted(processes, key=lambda process: process["slot"])


def vacancy(pool, cause):
    """The slot that is empty for that cause."""
    return wait_for(lambda: next((worker for worker in pool.workers() if worker["reason"] == cause
                                  and worker["state"] in ("backoff", "failed")), None), f"a slot is empty for {cause}")


@pytest.mark.parametrize("version", ["5.2.1", "4.9.2"])
def test_quota_is_a_back_off(vendor_pool, version):
    pool = vendor_pool(version, most=1).begin()
    slot = vacancy(pool, "quota")
    assert slot["state"] == "backoff"
    wait_for(lambda: [worker["state"] for worker in pool.workers()].count("ready") == 1, "the one that may be")
    wait_for(lambda: "Too many active" in pool.verb("explain", str(slot["slot"])).stdout, "the server's words")
    assert pool.verb("down").returncode == 0
    pool.check_gone()


@pytest.mark.parametrize("version", ["5.2.1", "4.9.2"])
@pytest.mark.parametrize("text, cause, state", [
    ("create tunnel: 401 Unauthorized", "credentials", "failed"),
    ("dial tcp 203.0.113.1:443: connect: connection refused", "network", "backoff"),
    ("create tunnel: 504 Gateway Time-out", "network", "backoff"),
    ("colliding tunnel was started without the pool option", "name-collision", "failed"),
])
def test_ends_by_cause(vendor_pool, tmp_path, version, text, cause, state):
    reason = tmp_path / "reason"
    pool = vendor_pool(version, size=1, environment=[f"VENDOR_END={reason}"]).start()
    reason.write_text(text)
    os.kill(pool.workers()[0]["pid"], signal.SIGKILL)
    ends = wait_for(lambda: [end for end in pool.ends() if end["cause"] == cause], f"an end for {cause}")
    assert ends[0]["slot"] == 0 and text in ends[0]["detail"]
    assert vacancy(pool, cause)["state"] == state
    wait_for(lambda: text in pool.verb("explain", "0").stdout, "its last words are the explanation")
    assert pool.stop("--now") == 0
    pool.check_gone()


@pytest.mark.parametrize("version, words", [("5.2.1", ["VENDOR_CRASH"]), ("5.2.1", ["VENDOR_REMOTE_END"]),
                                            ("4.9.2", ["VENDOR_REMOTE_END"])])
def test_ends_while_it_serves(vendor_pool, tmp_path, version, words):
    trigger = tmp_path / "now"
    pool = vendor_pool(version, size=1, environment=[f"{words[0]}={trigger}"]).start()
    trigger.touch()
    end = wait_for(pool.ends, "the end")[0]
    trigger.unlink()
    assert end["cause"] == ("crash" if words[0] == "VENDOR_CRASH" else "unasked")
    wait_for(lambda: serving(pool), "the next one serves")
    assert pool.stop() == 0
    pool.check_gone()


def test_a_wrong_key_ends_the_start(vendor_pool):
    pool = vendor_pool("5.2.1", key="wrong").start(ready=False)
    assert pool.process.wait(PATIENCE) == 1
    assert "access key" in pool.output.read_text()


def test_never_ready(vendor_pool):
    pool = vendor_pool("4.9.2", environment=["VENDOR_NEVER_READY=1"], settings='start_timeout = "2s"', size=1)
    end = wait_for(pool.begin().ends, "it is given up")[0]
    assert end["cause"] == "never-ready"
    assert pool.stop("--now") == 0
    pool.check_gone()


@pytest.mark.parametrize("version, word", [("5.2.1", "VENDOR_IGNORE_TERM=1"), ("4.9.2", "VENDOR_DRAIN_S=600")])
def test_one_that_does_not_leave(vendor_pool, version, word):
    pool = vendor_pool(version, size=1, environment=[word], settings='drain_timeout = "1s"').start()
    assert pool.verb("down").returncode == 0
    pool.check_gone()


def test_ready_needs_both_the_client_and_the_server(vendor_pool):
    pool = vendor_pool("5.2.1", size=1)
    pool.grid.gate.mode = "unready"
    pool.begin()
    worker = wait_for(lambda: pool.workers()[0].get("ready_local") and
                      pool.workers()[0]["ready_server"] is False and pool.workers()[0], "the client says it is ready")
    assert worker["state"] == "starting"
    pool.grid.gate.mode = None
    wait_for(lambda: serving(pool), "the server agrees")
    assert pool.workers()[0]["streams"] == 3  # as its metrics tell
    assert pool.stop() == 0
    pool.check_gone()


@pytest.mark.parametrize("mode", ["504", "drop"])
def test_without_rest_the_workers_are_left_alone(vendor_pool, mode):
    pool = vendor_pool("5.2.1").start()
    before = [worker["pid"] for worker in pool.workers()]
    pool.grid.gate.mode = mode
    wait_for(lambda: any(event["reason"] == "rest-unreachable" for event in pool.events()), "the outage is seen")
    assert [worker["pid"] for worker in serving(pool)] == before
    pool.grid.gate.mode = None
    wait_for(lambda: any(event["reason"] == "rest-answers" for event in pool.events()), "its end is seen")
    assert [worker["pid"] for worker in serving(pool)] == before
    assert pool.stop() == 0
    pool.check_gone()


def test_from_4_to_5_by_one_reload(vendor_pool):
    pool = vendor_pool("4.9.2").start()
    before = {worker["pid"] for worker in pool.workers()}
    pool.configure("5.2.1")
    assert pool.verb("reload").returncode == 0
    wait_for(lambda: serving(pool) and not before & {worker["pid"] for worker in pool.workers()}, "all are new")
    assert all("run" in words_of(worker["pid"]) for worker in pool.workers())
    assert wait_for(lambda: pool.status()["rollout"]["state"] == "idle" and pool.status()["rollout"],
                    "the rollout's end")["lowest_ready"] == pool.size
    assert pool.stop() == 0
    pool.check_gone()


@pytest.mark.parametrize("version, words, mend", [
    ("4.2.0", [], "4.3.0 or newer"),
    ("5.2.1", ["VENDOR_NO_VERSION=1"], "does not tell its version"),
])
def test_doctor_knows_the_client(vendor_pool, version, words, mend):
    pool = vendor_pool(version)
    pool.environment |= dict(word.split("=") for word in words)
    checks = json.loads(pool.verb("doctor", "--config", str(pool.config), "--json").stdout)["checks"]
    check = next(check for check in checks if check["check"] == "worker program")
    assert check["state"] == "failed" and mend in check["finding"] + check["mend"]


def test_doctor_on_clients_that_fit_or_are_missing(vendor_pool):
    pool = vendor_pool("5.2.1")

    def check_program(*words):
        checks = json.loads(pool.verb("doctor", "--config", str(pool.config), "--json", *words).stdout)["checks"]
        return next(check for check in checks if check["check"] == "worker program")
    assert "version 5.2.1" in check_program()["finding"]
    pool.configure("4.9.2", program=pool.program("5.2.1"))
    assert check_program()["state"] == "failed"  # it is asked as a 4 is asked
    pool.configure("5.2.1", program="/nowhere/sc")
    assert "worker.program" in check_program()["mend"]
    pool.start(ready=False)
    assert pool.process.wait(PATIENCE) == 1
    assert "/nowhere/sc" in pool.output.read_text()


def test_what_the_client_cannot_do_is_an_error(vendor_pool):
    pool = vendor_pool("5.2.1", settings='drain_timeout = "10m"')
    answer = pool.verb("config", "check", "--config", str(pool.config))
    assert answer.returncode == 2
    assert "pool.drain_timeout" in answer.stderr and "5m" in answer.stderr
    answer = subprocess.run([BIN / "sc-pool", "up", "--local", "--config", pool.config], capture_output=True, text=True,
                            env=pool.environment, timeout=PATIENCE)
    assert answer.returncode == 2 and "worker.kind" in answer.stderr


@pytest.mark.parametrize("end, code", [("signal", 0), ("remote", 8)])
def test_our_worker_with_the_old_command_line(grid, tmp_path, end, code):
    server = grid()
    words = ["-i", "old", "--tunnel-pool", "-x", server.rest_url, "--cainfo", server.ca_file, "-d", tmp_path / "pid",
             "-f", tmp_path / "ready", "--logfile", tmp_path / "log", "--status-address", "127.0.0.1:0", "--se-port", "0",
             "-B", "all", "--tunnel-domains", "*.example.com,localhost", "--metadata", "runner:docker", "--ocsp", "strict",
             "-v"]
    worker = subprocess.Popen([BIN / "sc-worker", "legacy", *words], stdout=subprocess.PIPE, text=True,
                              env={"PATH": os.environ["PATH"], "SAUCE_USER": server.user, "SAUCE_API_KEY": server.key})
    assert "you may start your tests" in worker.stdout.readline()
    ready = wait_for(lambda: (tmp_path / "ready").exists() and json.loads((tmp_path / "ready").read_text()), "the ready file")
    assert int((tmp_path / "pid").read_text().split()[0]) == worker.pid
    curl = ["curl", "-sS", "--cacert", server.ca_file, "-u", f"{server.user}:{server.key}"]
    url = f"{server.rest_url}/{server.user}/tunnels/{ready['tunnelID']}"
    tunnel = json.loads(subprocess.run([*curl, url], capture_output=True, check=True).stdout)
    assert tunnel["is_ready"] and tunnel["tunnel_pool"] and tunnel["metadata"]["extra"] == {"runner": "docker"}
    assert server.key not in json.dumps(tunnel)
    if end == "signal":
        worker.terminate()
    else:
        subprocess.run([*curl, "-X", "DELETE", f"{url}?reason=webui&wait=0"], capture_output=True, check=True)
    assert worker.wait(PATIENCE) == code
    worker.stdout.close()
    assert not (tmp_path / "pid").exists() and not (tmp_path / "ready").exists()


def test_the_old_command_line_keeps_its_pid_file_and_log_where_it_did(grid, tmp_path):
    server = grid()
    worker = subprocess.Popen([BIN / "sc-worker", "legacy", "-i", "old", "-x", server.rest_url, "--cainfo", server.ca_file],
                              stdout=subprocess.PIPE, text=True,
                              env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "SAUCE_USERNAME": server.user,
                                   "SAUCE_ACCESS_KEY": server.key})
    assert "you may start your tests" in worker.stdout.readline()
    assert int((tmp_path / "sc_client-old.pid").read_text().split()[0]) == worker.pid
    assert "you may start your tests" in (tmp_path / "sc-old.log").read_text()
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    worker.stdout.close()
    assert not (tmp_path / "sc_client-old.pid").exists()


def test_the_old_command_line_becomes_a_configuration(tmp_path):
    made = tmp_path / "run.yaml"
    answer = subprocess.run([BIN / "sc-worker", "legacy", "-u", "me", "-k", "secret", "-i", "x", "-D", ".example.com",
                             "-a", "host:80:user:pass", "--output-config-file", made], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert made.stat().st_mode & 0o777 == 0o600
    assert "direct-domains: '^.+\\.example\\.com$'" in made.read_text()
    refused = subprocess.run([BIN / "sc-worker", "legacy", "-P", "4445"], capture_output=True, text=True)
    assert refused.returncode == 2 and "Selenium relay" in refused.stderr
