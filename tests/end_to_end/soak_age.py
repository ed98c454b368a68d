"""`./dev soak age [MINUTES]`: a pool whose workers live two minutes each, under a few clients, for an hour.

Every half minute descriptors and memory of supervisor, server and workers are looked at. Passes when no request
failed and nothing grew from the second quarter of the time to the last: what is needed at first is no leak.
"""

import pathlib
import statistics
import sys
import time

from soak_pool import CONFIG, pool_under_load, seconds_asked

PERIOD = 30.0
CROWD = {"download": 2, "upload": 1, "websocket": 1, "connect": 1, "small": 5}
SETTINGS = CONFIG.replace("[pool]", '[pool]\nmax_age = "2m"\ndrain_timeout = "40s"')
# More than this is growth: noise of the allocator is less, a leak of one descriptor or of some KiB each worker more.
SPARE_DESCRIPTORS, SPARE_MIB = 4, 1.0


def sizes(pid):
    """(open descriptors, MiB of memory of its own) of a process; nothing when it has ended."""
    proc = pathlib.Path(f"/proc/{pid}")
    try:
        memory = dict(line.split(":", 1) for line in (proc / "smaps_rollup").read_text().splitlines()[1:])
        return len(list((proc / "fd").iterdir())), int(memory["Pss_Anon"].split()[0]) / 1024
    except (OSError, KeyError):
        return None


def sample(pool, began):
    status = pool.status()
    workers = [found for worker in status["workers"] if worker["pid"] and (found := sizes(worker["pid"]))]
    supervisor, server = sizes(pool.process.pid), sizes(pool.server.pid)
    return {"minute": (time.monotonic() - began) / 60,
            "supervisor_descriptors": supervisor[0], "supervisor_mib": supervisor[1],
            "server_descriptors": server[0], "server_mib": server[1],
            "worker_descriptors": max(found[0] for found in workers),
            "worker_mib": max(found[1] for found in workers),
            "processes": len(workers), "ready": status["ready"],
            "generation": max(worker["generation"] for worker in status["workers"])}


def line(values):
    return (f"{values['minute']:6.1f}  {values['supervisor_descriptors']:4.0f} {values['supervisor_mib']:7.2f}  "
            f"{values['server_descriptors']:4.0f} {values['server_mib']:7.2f}  "
            f"{values['worker_descriptors']:4.0f} {values['worker_mib']:7.2f}  {values['processes']:5.0f} "
            f"{values['ready']:5.0f} {values['generation']:6.0f}")


def quarter(samples, number):
    """The median of each figure in a quarter of the time."""
    part = samples[len(samples) * (number - 1) // 4:len(samples) * number // 4]
    return {name: statistics.median(values[name] for values in part) for name in part[0]}


def growth(samples):
    """What is larger in the last quarter than in the second, in words."""
    before, after = quarter(samples, 2), quarter(samples, 4)
    found = []
    for name, value in after.items():
        spare = SPARE_DESCRIPTORS if name.endswith("descriptors") else SPARE_MIB if name.endswith("mib") else None
        if spare is not None and value > before[name] + spare:
            found.append(f"{name} grew from {before[name]:.2f} to {value:.2f}")
    return found


def watch(pool, seconds):
    began, samples = time.monotonic(), []
    period = min(PERIOD, seconds / 8)  # a short run has quarters, too
    print("minute  supervisor    server        largest worker  pool\n"
          "        fd    MiB     fd    MiB     fd    MiB     procs ready generation", flush=True)
    while time.monotonic() - began < seconds:
        time.sleep(period)
        samples.append(sample(pool, began))
        print(line(samples[-1]), flush=True)
    return samples


def main():
    seconds = seconds_asked("./dev soak age", minutes=60)
    with pool_under_load(CROWD, seconds, SETTINGS) as (pool, clients):
        samples = watch(pool, seconds)
        figures = clients.stop()
        for number in (1, 2, 3, 4):
            print(f"median of quarter {number}\n{line(quarter(samples, number))}")
        print(f"verified: {figures['done']}")
        problems = growth(samples) + [f"{job}: {text[:300]}" for job, _, _, text in figures["failed"]]
        print("\n".join(problems) or "nothing grew, nothing failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
