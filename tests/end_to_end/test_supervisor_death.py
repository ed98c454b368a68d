"""The supervisor is killed again and again, whatever it is doing: no worker is doubled, lost or left alone.

SCPOOL_SUPERVISOR_KILLS sets how often (20)."""

import collections
import json
import os
import random
import signal
import statistics
import subprocess
import time

from pool import BIN, PATIENCE, SANITIZED, wait_for
from stub_pool import STUB, at_full_strength

KILLS = int(os.environ.get("SCPOOL_SUPERVISOR_KILLS", "20"))


def living_workers(pool):
    """slot.generation of each living stub of this pool, by its pid file's flag: {"0.7": [pid]}."""
    found = collections.defaultdict(list)
    for pid in pool.pids():
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().decode().split("\0")
            state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if words[0] == str(STUB) and state != "Z":
            name = words[words.index("--pidfile") + 1].rsplit("/", 1)[1]
            found[name[len("stubs-"):-len(".pid")]].append(pid)
    return dict(found)


def disturb(pool, chance):
    """Something that makes the supervisor act, or nothing."""
    what = chance.choice(["nothing", "restart", "kill", "scale", "drain", "reload", "upgrade"])
    if what == "kill":
        victims = living_workers(pool)
        if victims:
            try:
                os.kill(chance.choice(sorted(victims.values()))[0], signal.SIGKILL)
            except ProcessLookupError:
                pass
    elif what != "nothing":
        words = {"restart": ["restart"], "scale": ["scale", str(chance.randint(2, 4))],
                 "drain": ["drain", "0"], "reload": ["reload"], "upgrade": ["upgrade", "--timeout", "1s"]}[what]
        return subprocess.Popen([BIN / "sc-pool", words[0], "--pool", pool.name, *words[1:]],
                                env=pool.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return None


def supervisors(pool):
    """Every process that runs as this pool's supervisor, or asks to: the guard of an upgrade, too."""
    found = []
    for pid in pool.pids():
        try:
            words = open(f"/proc/{pid}/cmdline", "rb").read().decode().split("\0")
        except OSError:
            continue
        if words[1:2] and words[1] in ("up", "upgrade-check"):
            found.append(pid)
    return found


def kill_supervisor(pool):
    while found := supervisors(pool):  # a guard that is left goes on as the supervisor
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    pool.process.wait(PATIENCE)


def settled(pool):
    status = pool.status()
    return status["rollout"]["state"] == "idle" and not status["draining"] and at_full_strength(pool)


def known_and_alive(pool):
    """The status, when the living workers are exactly those in it."""
    status = pool.status()
    known = {f"{worker['slot']}.{worker['generation']}": [worker["pid"]] for worker in status["workers"]}
    return status if living_workers(pool) == known and len(known) == status["size"] else None


def test_killed_at_random_moments(stub_pool):
    seed = int(os.environ.get("SCPOOL_SEED", str(random.randrange(1 << 30))))
    chance = random.Random(seed)
    print(f"seed {seed}")
    pool = stub_pool(size=3, settings='max_surge = 2').start()
    generations, taken_back, kept = set(), [], 0
    for round_number in range(KILLS):
        client = disturb(pool, chance)
        time.sleep(chance.expovariate(1 / (0.2 if SANITIZED else 0.03)))  # the moment is the point
        kill_supervisor(pool)
        if client:
            client.wait(PATIENCE)
        before = living_workers(pool)
        assert all(len(pids) == 1 for pids in before.values()), f"doubled: {before}, seed {seed}"
        began = time.monotonic()
        pool.start(ready=False)
        status = wait_for(lambda: json.loads(pool.verb("status", "--json").stdout or "null"), "it answers")
        taken_back.append(time.monotonic() - began)
        assert pool.process.poll() is None, pool.output.read_text()
        known = {f"{worker['slot']}.{worker['generation']}": worker["pid"] for worker in status["workers"]
                 if worker["pid"]}
        after = living_workers(pool)
        for name, pids in before.items():
            if name in after:
                assert after[name] == pids, f"{name} is doubled or another, round {round_number}, seed {seed}"
                kept += 1
        for name in known:
            generations.add(int(name.split(".")[1]))
    wait_for(lambda: settled(pool), f"the pool is at full strength and at rest, seed {seed}")
    status = wait_for(lambda: settled(pool) and known_and_alive(pool), f"what lives is what is known, seed {seed}")
    victim = status["workers"][0]["pid"]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: settled(pool) and pool.workers()[0]["pid"] != victim, "each is supervised")
    print(f"{KILLS} kills, {kept} workers found again, {len(generations)} generations, back in "
          f"{statistics.median(taken_back) * 1000:.0f} ms (most {max(taken_back) * 1000:.0f} ms), verb included")
    assert pool.verb("down", "--now").returncode == 0
    pool.check_nothing_left()
