"""`./dev bench supervisors [--quick] [NAME...]`: sc-pool beside other supervisors, same children, same run.

The children tell by themselves when they run, are ready and stop, with the time they took it, so nothing
depends on how fast this program looks. Each child is killed once only and after some seconds of life:
what a supervisor does to children that die again and again (a pause, in each of them) is not measured.
"""

import argparse
import json
import math
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import machine
from supervisor_peers import MANAGERS, OurPool
from pool import BIN, Pool, wait_for

SETTLE = 3.0   # seconds: longer than the second a child must have lived in all of them
WAIT = 60.0    # for anything to happen
ALONE, AT_ONCE, MANY, FEW = 20, 10, 100, 10
READY_MS = 2000


def kills(manager_kind, directory, quick):
    """One child after the other killed, then ten together: milliseconds until all run again."""
    alone = 5 if quick else ALONE
    manager = manager_kind(directory, alone + AT_ONCE)
    try:
        begin = manager.start()
        children = [pid for pid, _ in manager.reports.wait("started", manager.count, begin, WAIT)]
        assert len(children) == manager.count, f"{len(children)} of {manager.count} children run"
        time.sleep(SETTLE)
        taken = [back_after(manager, [pid]) for pid in children[:alone]]
        time.sleep(SETTLE)
        return {"respawn_ms": statistics.median(taken), "respawn_worst_ms": max(taken),
                "ten_ms": back_after(manager, children[alone:])}
    finally:
        manager.close()


def back_after(manager, pids):
    start = time.monotonic_ns()
    manager.kill(pids)
    back = manager.reports.wait("started", len(pids), start, WAIT)
    return (back[-1][1] - start) / 1e6 if len(back) == len(pids) else float("inf")


def start_many(manager_kind, directory, _quick):
    manager = manager_kind(directory, MANY)
    try:
        begin = manager.start()
        up = manager.reports.wait("started", MANY, begin, WAIT)
        taken = (max(when for _, when in up) - begin) / 1e6 if len(up) == MANY else float("inf")
        time.sleep(SETTLE)
        return {"start_ms": taken, "pss_100_mib": supervisors_memory(manager)}
    finally:
        manager.close()


def supervisors_memory(manager):
    return machine.memory(manager.pids()[1])["pss"] / 2**20


def wake_ups(pids):
    """Context switches a process made by itself, of all together."""
    return sum(int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)",
                             pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
               for pid in pids)


def wake_ups_per_second(manager, seconds):
    pids = manager.pids()[1]
    before, start = wake_ups(pids), time.monotonic()
    time.sleep(seconds)
    return (wake_ups(pids) - before) / (time.monotonic() - start)


def capacity(reports, ready, begin, end, full):
    """Lowest count of ready children between two times and the worker-seconds below `full`."""
    steps = sorted((when, what, pid) for what, pid, when in list(reports.seen) if begin <= when <= end)
    lowest, lost, last, now = len(ready), 0.0, begin, set(ready)
    for when, what, pid in [*steps, (end, "end", 0)]:
        lost += max(0, full - len(now)) * (when - last) / 1e9
        last = when
        if what == "ready":
            now.add(pid)
        elif what == "stopping":
            now.discard(pid)
        lowest = min(lowest, len(now))
    return lowest, lost


def rolling_restart(manager):
    ready = {pid for pid, _ in manager.reports.since("ready", 0)} & manager.pids()[0]
    begin = time.monotonic_ns()
    manager.restart_all()
    # What was restarted last may not be ready when the command returns; its users wait for that too.
    manager.reports.wait("ready", FEW, begin, WAIT)
    end = time.monotonic_ns()
    lowest, lost = capacity(manager.reports, ready, begin, end, FEW)
    renewed = {pid for pid, _ in manager.reports.since("ready", begin)} - ready
    return {"rolling_s": (end - begin) / 1e9, "lowest_ready": lowest, "lost_worker_s": lost,
            "renewed": len(renewed)}


def death(manager, everything, prefix):
    """The supervisor is killed and started again; `everything`: its helpers too."""
    before, supervisors = manager.pids()
    manager.kill(supervisors if everything else [manager.process.pid])
    manager.process.wait()
    start = manager.start()
    deadline = time.monotonic() + 15
    while manager.running() != len(before) and time.monotonic() < deadline:
        time.sleep(0.001)
    taken = (time.monotonic_ns() - start) / 1e6
    time.sleep(SETTLE)
    after = manager.pids()[0]
    return {f"{prefix}_children": len(after), f"{prefix}_same": len(after & before),
            f"{prefix}_ms": taken if after == before else float("nan")}


def daily_life(manager_kind, directory, quick):
    """Ten children that need two seconds: memory, rolling restart, the supervisor's death."""
    manager = manager_kind(directory, FEW, READY_MS)
    try:
        begin = manager.start()
        up = manager.reports.wait("ready", FEW, begin, WAIT)
        assert len(up) == FEW, f"{len(up)} of {FEW} children are ready"
        wait_for(lambda: manager.running() == FEW, f"{manager.name} says that all run", WAIT)
        time.sleep(SETTLE)
        figures = {"pss_10_mib": supervisors_memory(manager),
                   "processes": len(manager.pids()[1]),
                   "wake_ups": wake_ups_per_second(manager, 5 if quick else 20)}
        figures |= rolling_restart(manager)
        wait_for(lambda: manager.running() == FEW, f"{manager.name} says that all run", WAIT)
        time.sleep(SETTLE)
        figures |= death(manager, False, "death")
        if len(manager.pids()[0]) == FEW and figures["processes"] > 1:
            figures |= death(manager, True, "all_death")
        return figures
    finally:
        manager.close()


def crash_to_ready(directory, quick):
    """A real sc-worker killed: milliseconds until its slot has a ready tunnel again."""
    pool, taken = Pool(directory, config=f"[pool]\nsize = {5 if quick else ALONE}\n"), []
    try:
        victims = pool.start().workers()
        events = subprocess.Popen([BIN / "sc-pool", "events", "--pool", pool.name, "-f", "--json"],
                                  stdout=subprocess.PIPE, text=True, env=pool.environment)
        for victim in victims:
            time.sleep(1)
            start = time.monotonic()
            os.kill(victim["pid"], signal.SIGKILL)
            for event in map(json.loads, events.stdout):
                if (event.get("slot") == victim["slot"] and event.get("state") == "ready" and
                        event["generation"] > victim["generation"]):
                    break
            taken.append((time.monotonic() - start) * 1e3)
        events.terminate()
        events.communicate()
        pool.stop("--now")
    finally:
        pool.destroy()
    return {"tunnel_ms": statistics.median(taken), "tunnel_worst_ms": max(taken)}


# (text, name of the figure, unit, goal: at most, or exactly)
ROWS = [
    ("kill -9, new process runs (median)", "respawn_ms", "ms", ("<=", 3)),
    ("  the slowest of them", "respawn_worst_ms", "ms", None),
    ("ten killed at once, all run again", "ten_ms", "ms", ("<=", 30)),
    ("start of 100", "start_ms", "ms", ("<=", 300)),
    ("rolling restart of ten, 2 s to ready", "rolling_s", "s", None),
    ("  lowest number ready", "lowest_ready", "", ("==", 10)),
    ("  lost capacity", "lost_worker_s", "worker-s", ("==", 0)),
    ("  new children afterwards", "renewed", "", ("==", 10)),
    ("supervisor killed, started: children", "death_children", "", ("==", 10)),
    ("  of them those from before", "death_same", "", ("==", 10)),
    ("  taken back", "death_ms", "ms", ("<=", 100)),
    ("its helpers killed too: children", "all_death_children", "", None),
    ("processes of the supervisor, with 10", "processes", "", None),
    ("memory (PSS) with 10", "pss_10_mib", "MiB", ("<=", 4)),
    ("memory (PSS) with 100", "pss_100_mib", "MiB", None),
    ("wake-ups, idle with 10", "wake_ups", "/s", ("<=", 1)),
    ("crash to ready tunnel (median)", "tunnel_ms", "ms", ("<=", 300)),
    ("  the slowest of them", "tunnel_worst_ms", "ms", None),
]


def number(value):
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return f"> {WAIT:.0f} s"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def verdict(value, goal):
    if goal is None or value is None:
        return ""
    direction, mark = goal
    # Lost capacity is shown with a tenth.
    reached = value <= mark if direction == "<=" else abs(value - mark) < 0.05
    return "met" if reached else "missed"


def table(results):
    lines = [f"{'':38}" + "".join(f"{name:>11}" for name in results) + f"{'goal':>9}"]
    for text, name, unit, goal in ROWS:
        values = [figures.get(name) for figures in results.values()]
        if all(value is None for value in values):
            continue
        unit = f", {unit}" if unit else ""
        wanted = f"{goal[0].replace('==', '')} {goal[1]}" if goal else ""
        lines.append(f"{text + unit:38}"[:46] + "".join(f"{number(value):>11}" for value in values) +
                     f"{wanted:>9} {verdict(results.get(OurPool.name, {}).get(name), goal)}")
    return "\n".join(line.rstrip() for line in lines)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench supervisors")
    parser.add_argument("--quick", action="store_true", help="fewer kills")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/supervisors.json"))
    parser.add_argument("names", nargs="*", help="only supervisors whose names contain one of these")
    arguments = parser.parse_args()
    kinds = [kind for kind in MANAGERS
             if not arguments.names or any(name in kind.name for name in arguments.names)]
    results = {kind.name: {} for kind in kinds}
    watch = machine.Watch()
    with tempfile.TemporaryDirectory(prefix="scb-") as directory:
        directory = pathlib.Path(directory)
        for part in (kills, start_many, daily_life):
            for kind in kinds:
                print(f"\r\033[K{part.__name__}: {kind.name}", end="", file=sys.stderr, flush=True)
                try:
                    results[kind.name] |= part(kind, directory / f"{kind.name}-{part.__name__}",
                                               arguments.quick)
                except (AssertionError, OSError, subprocess.SubprocessError) as error:
                    print(f"\r\033[K{kind.name}, {part.__name__}: {error}", file=sys.stderr)
        if OurPool in kinds:
            print("\r\033[Kcrash to ready tunnel", end="", file=sys.stderr, flush=True)
            results[OurPool.name] |= crash_to_ready(directory / "real", arguments.quick)
    print("\r\033[K", end="", file=sys.stderr)
    print(table(results))
    others = watch.disturbance()
    print(f"\nThe machine was busy for others, or for the children, {others['others']:.0%} of the time.")
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps({"machine": machine.description(), "figures": results},
                                         indent=1))


if __name__ == "__main__":
    sys.exit(main())
