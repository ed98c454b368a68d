"""`./dev soak [MINUTES]`: a hundred clients on a pool of four, and everything that is promised to cost them
nothing: rolling restarts, workers killed and stopped, the supervisor killed and replaced, changes of size.

Clients are jobs of half a minute, as tests are, each with verified bodies: downloads, uploads, WebSockets,
TLS through CONNECT and short requests. Passes when nothing failed but what was under way on a worker that
was killed hard.
"""

import os
import signal
import sys
import time

from pool import PATIENCE, proportional_memory, wait_for
from soak_pool import CONFIG, SIZE, pool_under_load, seconds_asked

CROWD = {"download": 20, "upload": 10, "websocket": 10, "connect": 10, "small": 50}


class Soak:
    def __init__(self, pool, until):
        self.pool, self.until = pool, until
        self.steps = []  # {"name", "begin", "end", "lost_at", "gone_at", "jobs"}
        self.size = SIZE

    def left(self):
        return self.until - time.monotonic()

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    # -- steps ------------------------------------------------------------------------------------------

    def at_strength(self, seconds=PATIENCE):
        def reached():
            status = self.pool.status()
            return status["ready"] == status["size"] == self.size and status
        return wait_for(reached, f"{self.size} workers ready", seconds)

    def step(self, name, action):
        entry = {"name": name, "begin": time.monotonic()}
        self.steps.append(entry)
        action(entry)
        self.at_strength()
        entry["end"] = time.monotonic()
        time.sleep(2)  # what it broke shows before the next begins
        rollout = self.pool.status().get("rollout") or {}
        about = f", lowest ready {rollout['lowest_ready']}" if entry.get("rollout") else ""
        self.say(f"{name}: {entry['end'] - entry['begin']:.1f} s{about}")

    def rolling_restart(self, entry):
        before = {worker["pid"] for worker in self.pool.workers()}
        answer = self.pool.verb("restart", "--rolling", "--wait", timeout=600)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        status = self.at_strength()
        serving = {worker["pid"] for worker in status["workers"] if worker["state"] == "ready"}
        assert not before & serving, "a worker from before still serves"
        assert status["rollout"]["lowest_ready"] >= self.size, status["rollout"]
        assert status["rollout"]["lost_worker_s"] == 0, status["rollout"]
        entry["rollout"] = True

    def hit(self, entry, slot, kind):
        """Remembers which jobs the worker carries until it is gone, and does it. Requests go to a stopped one
        until the server has noticed; they are under way on it when it is killed."""
        worker = next(worker for worker in self.pool.workers() if worker["slot"] == slot
                      and worker["state"] == "ready")
        entry["jobs"], entry["lost_at"] = self.jobs_of(worker), time.monotonic()
        os.kill(worker["pid"], kind)
        killed_at = time.monotonic()
        entry["jobs"] |= self.jobs_of(worker)  # with those that came between list and signal
        while worker["pid"] in [each["pid"] for each in self.pool.workers()]:
            assert time.monotonic() - entry["lost_at"] < PATIENCE, "no other takes its slot"
            entry["jobs"] |= self.jobs_of(worker)
        entry["gone_at"] = killed_at if kind == signal.SIGKILL else time.monotonic()

    def jobs_of(self, worker):
        jobs = self.pool.rest("GET", f"/{self.pool.local['user']}/jobs")[1]
        return {job.get("label") for job in jobs if job["tunnel_id"] == worker["tunnel_id"]}

    def kill(self, slot):
        return lambda entry: self.hit(entry, slot, signal.SIGKILL)

    def serving(self, status=None):
        """Pids; a worker that drains may end at any time."""
        workers = (status or self.pool.status())["workers"]
        return sorted(worker["pid"] for worker in workers if worker["state"] == "ready")

    def kill_supervisor(self, _entry):
        before = self.serving()
        os.kill(self.pool.process.pid, signal.SIGKILL)
        self.pool.process.wait()
        time.sleep(3)  # the workers serve alone
        self.pool.start()
        after = self.serving(self.at_strength())
        assert after == before, f"workers {before} became {after}"

    def upgrade(self, _entry):
        before = self.serving()
        answer = self.pool.verb("upgrade")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        after = self.serving(self.at_strength())
        assert after == before, f"workers {before} became {after}"

    def resize(self, size):
        def action(_entry):
            self.size = size
            self.pool.config.write_text(CONFIG.format(size=size, **self.pool.facts))
            answer = self.pool.verb("reload")
            assert answer.returncode == 0, answer.stdout + answer.stderr
        return action

    def once(self):
        """Each step of the promise; stops early when time is up."""
        plan = [("rolling restart", self.rolling_restart)]
        plan += [(f"kill -9 of worker {slot}", self.kill(slot)) for slot in range(4)]
        plan += [("SIGSTOP of worker 1", lambda entry: self.hit(entry, 1, signal.SIGSTOP)),
                 ("kill -9 of the supervisor", self.kill_supervisor)]
        if self.pool.verb("upgrade", "--help").returncode == 0:
            plan.append(("upgrade", self.upgrade))
        else:
            self.say("upgrade: left out, this sc-pool has no such verb")
        plan += [("reload, size 4 to 6", self.resize(6)), ("reload, size 6 to 3", self.resize(3)),
                 ("reload, size 3 to 4", self.resize(4)), ("rolling restart", self.rolling_restart)]
        for name, action in plan:
            if self.left() <= 0:
                self.say(f"{name}: left out, time is up")
                continue
            self.step(name, action)

    # -- judgement --------------------------------------------------------------------------------------

    def excuse(self, job, begin, end):
        """The step that killed the worker this exchange was under way on, if one did."""
        for entry in self.steps:
            if "gone_at" in entry and job in entry["jobs"] and begin <= entry["gone_at"] and end >= entry["lost_at"]:
                return entry["name"]
        return None

    def during(self, end):
        names = [entry["name"] for entry in self.steps
                 if entry["begin"] <= end <= entry.get("end", self.until) + 2]
        return names[-1] if names else "between steps"

    def judge(self, figures, started):
        excused, wrong = {}, []
        for job, begin, end, text in figures["failed"]:
            # What has no answer and may be repeated is asked of another worker.
            repeatable = job.startswith(("small", "download")) and "before the site answered" in text
            if not repeatable and (name := self.excuse(job, begin, end)):
                excused[name] = excused.get(name, 0) + 1
            else:
                wrong.append(f"{end - started:7.1f} s, {self.during(end)}: {job}, under way for "
                             f"{end - begin:.2f} s: {text[:300]}")
        total = sum(figures["done"].values())
        print(f"\n{total} requests, downloads, uploads and WebSockets verified: {figures['done']}")
        if latencies := sorted(figures["latencies"]):
            print(f"short requests: median {latencies[len(latencies) // 2] * 1e3:.0f} ms, 99 % within "
                  f"{latencies[int(len(latencies) * 0.99)] * 1e3:.0f} ms, slowest {latencies[-1]:.1f} s")
        print(f"failed under way on a worker that was killed hard: {sum(excused.values())} {excused}")
        print(f"failed otherwise: {len(wrong)}")
        for line in wrong[:40]:
            print("  " + line)
        return total > 0 and not wrong


def main():
    seconds = seconds_asked("./dev soak", minutes=10)
    with pool_under_load(CROWD, seconds) as (pool, clients):
        started = time.monotonic()
        soak = Soak(pool, started + seconds)
        time.sleep(5)
        while soak.left() > 0:
            soak.once()
        print(pool.verb("status").stdout)
        print(f"supervisor: {proportional_memory(pool.process.pid) / 2**20:.1f} MiB PSS")
        passed = soak.judge(clients.stop(), started)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
